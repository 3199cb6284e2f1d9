"""The command line: flags, their values, and what it says about wrong words."""

import pytest

import run_experiments
from campaign.commands import command_line
from campaign.grid.lists import repeats
from campaign.grid.settings import settings
from nnet.checks import ConfigError

OPTIONS = {"mine": {"depth": 3, "rate": 0.5, "fast": True, "p": "inf"}, "other": {"zetas": [0, 0.1], "bits": [4]}}
EXAMPLES = {
    "dataset": ("mnist", "mnist"),
    "image_size": ("none", None),
    "arch": ("cnn mlp_small", ["cnn", "mlp_small"]),
    "activation": ("gelu relu", ["gelu", "relu"]),
    "regime": ("noisy", "noisy"),
    "alpha_train": ("0.05 0.5", [0.05, 0.5]),
    "noise_model": ("magnitude", "magnitude"),
    "p": ("0 0.5", [0, 0.5]),
    "corruption": ("additive", "additive"),
    "seed": ("7 0-2 12", [7, 0, 1, 2, 12]),
    "initial_weights": ("none net.pt", [None, "net.pt"]),
    "epochs": ("4", 4),
    "batch_size": ("32 64", [32, 64]),
    "optimizer": ("sgd", "sgd"),
    "learning_rate": ("0.1 1e-2", [0.1, 0.01]),
    "momentum": ("0.5", 0.5),
    "lr_schedule": ("constant steps", ["constant", "steps"]),
    "lr_restart_epochs": ("none 5", [None, 5]),
    "lr_milestones": ("60 90", (60, 90)),
    "lr_factor": ("0.1", 0.1),
    "weight_decay": ("1e-4", 1e-4),
    "weight_clip": ("2", 2.0),
    "dropout": ("0.3", 0.3),
    "augmentation": ("dataset", "dataset"),
    "max_train_samples": ("2000", 2000),
    "max_test_samples": ("100", 100),
    "validation_share": ("0.1", 0.1),
    "alpha_tests": ("0 0.3", (0, 0.3)),
    "noise_samples": ("9", 9),
    "evaluations": ("worst_case landscape", ("worst_case", "landscape")),
    "precision": ("bf16", "bf16"),
    "sweep_precision": ("bf16", "bf16"),
    "options": ("mine.depth=3 mine.rate=0.5 mine.fast=true other.zetas=0,0.1 other.bits=4, mine.p=inf", OPTIONS),
    "cpu_threads": ("4", 4),
    "data_dir": ("/there", "/there"),
    "checkpoint_dir": ("none", None),
    "epoch_checkpoint_dir": ("/partial", "/partial"),
    "epoch_checkpoint_s": ("0", 0.0),
    "output_dir": ("/out", "/out"),
    "engine": ("serial", "serial"),
    "max_workers": ("3", 3),
    "run_timeout_s": ("3600", 3600.0),
    "resolution": ("0.5", 0.5),
    "notify": ("mail", "mail"),
}
SWITCHES = ("corrupt_test", "nesterov", "smoothed_accuracy", "use_cuda", "memory_check")
OLDER = {
    "--architectures cnn": {"arch": "cnn"},
    "--regimes clean noisy": {"regime": ["clean", "noisy"]},
    "--activations tanh": {"activation": "tanh"},
    "--ps 0 0.5": {"p": [0, 0.5]},
    "--seeds 0-9": {"seed": [*range(10)]},
    "--alpha-test 0 0.1": {"alpha_tests": (0, 0.1)},
    "--evaluation landscape": {"evaluations": ("landscape",)},
    "--cpu-threads-per-worker 2": {"cpu_threads": 2},
}


def lines(text: str) -> dict:
    return command_line.parse(text.split()).lines


def test_every_setting_has_a_flag():
    assert {*EXAMPLES, *SWITCHES} == settings().keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_flag_gives_a_setting(name):
    text, value = EXAMPLES[name]
    assert lines(f"--{name.replace('_', '-')} {text}") == {name: value}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "options"])
def test_any_setting_may_be_given_by_name(name):
    text, value = EXAMPLES[name]
    assert lines(f"--set {name}={text.replace(' ', ',')}") == {name: value}
    assert lines(f"--set {name.replace('_', '-')}={text.replace(' ', ',')}") == {name: value}


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_has_a_no_and_may_vary(name):
    flag = name.replace("_", "-")
    assert lines(f"--{flag}") == {name: True} and lines(f"--no-{flag}") == {name: False}
    assert lines(f"--set {name}=false") == {name: False}
    if not settings()[name].operation:
        assert lines(f"--set {name}=true,false") == {name: [True, False]}


@pytest.mark.parametrize("text", OLDER)
def test_older_flags_keep_working(text):
    assert lines(text) == OLDER[text]


def test_an_empty_tuple_is_a_value():
    for text in ("--lr-milestones", "--lr-milestones none", "--set lr_milestones=", "--set lr_milestones=none"):
        assert lines(f"{text} --epochs 3") == {"lr_milestones": (), "epochs": 3}


def test_architectures_may_stand_without_a_flag_before_or_after_the_others():
    for text in ("cnn resnet18 --seeds 0 1 --plan", "--seeds 0 1 --plan cnn resnet18"):
        assert lines(text) == {"arch": ["cnn", "resnet18"], "seed": [0, 1]}
    assert lines("cnn --plan") == {"arch": "cnn"} and lines("") == {}


def test_repeats_are_seeds_of_the_master_seed():
    assert lines("--repeats 4") == {"seed": repeats(4)}
    assert lines("--repeats 4 --master-seed 7") == {"seed": repeats(4, 7)}


def test_a_flag_may_be_repeated():
    assert lines("--seeds 0 1 --seeds 5") == {"seed": 5}  # the last one counts
    assert lines("--options a.window-size=3 --options a.mode=off b.n=1") == {
        "options": {"a": {"window_size": 3, "mode": "off"}, "b": {"n": 1}}
    }
    assert lines("--set epochs=3 --set p=0.5") == {"epochs": 3, "p": 0.5}


def test_what_else_may_be_asked():
    line = command_line.parse("--only p=0.5 arch=cnn --only seed=3 --plan --json --study pixels".split())
    assert line.only == [("p", 0.5), ("arch", "cnn"), ("seed", 3)]
    assert (line.plan, line.json, line.study, line.sanity) == (True, True, "pixels", False)
    line = command_line.parse("--shard 2/4 --retry-failed --cores 8 --directives=-A --directives=-B".split())
    assert str(line.shard) == "2/4" and line.retry_failed and line.study is None
    assert (line.cluster["cores"], line.cluster["directives"], line.cluster["queue"]) == (8, ["-A", "-B"], None)
    assert command_line.parse(["--verify", "run"]).verify == "run" and command_line.parse(["--sanity"]).sanity
    assert command_line.parse(["--print-job", "lsf"]).print_job == "lsf"
    line = command_line.parse("--list-weights --json --measure-only --remeasure quantization".split())
    assert (line.list_weights, line.prune_weights, line.measure_only) == (True, False, True)
    assert line.remeasure == "quantization" and command_line.parse(["--merge", "there"]).merge == "there"


WRONG = {
    "--json": "--json goes with --plan, --status, --list-weights or --prune-weights",
    "--epochs many": "epochs must be a whole number; got 'many'",
    "--epochs none": "epochs must be a whole number; got 'none'",
    "--learning-rate fast": "learning_rate must be a number; got 'fast'",
    "--seeds 9-0": "seed: a range ascends; write 0-9 instead of 9-0",
    "--epoch 3": "unrecognized arguments: --epoch (did you mean --epochs?)",
    "--zzz": "unrecognized arguments: --zzz (see --help)",
    "--seeds": "expected at least one argument",
    "--options depth": "'depth' is not of the form name=value",
    "--set depth": "'depth' is not of the form name=value",
    "--set learning_rat=3": "--set: unknown setting 'learning_rat'; did you mean 'learning_rate'?",
    "--set depth=3": "--set: unknown setting 'depth'; choose from",
    "--set nesterov=maybe": "nesterov must be true or false; got 'maybe'",
    "--set options=3": "--set has no options; give them as --options OWNER.NAME=VALUE",
    "--set epochs=3 --epochs 4": "epochs is given twice: as a flag and in --set",
    "--max-workers 2 3": "unknown architecture '3'",
    "--set max_workers=2,3": "max_workers takes one value",
    "cnn --arch cnn": "arch is given twice",
    "--repeats 3 --seeds 1": "seed is given twice: as --seed and --repeats",
    "--master-seed 3": "--master-seed goes with --repeats",
    "--repeats few": "repeats must be a whole number; got 'few'",
    "--repeats 0": "repeats must be at least 1",
    "--shard 3/2": "a shard is I/N with I from 1 to N",
    "--print-job pbs": "unknown scheduler 'pbs'; choose from ['lsf', 'slurm']",
    "--print-job slurm --plan": "--plan does not go with --print-job",
    "--print-job slurm --shard 1/2": "--shard does not go with --print-job",
    "--list-weights --prune-weights": "--list-weights does not go with --prune-weights",
    "--merge there --json": "--json goes with",
    "--remeasure weight_noise --shard 1/2": "--remeasure does not go with shards",
    "--remeasure weight_noise --print-job slurm": "--remeasure does not go with shards",
    "--status --plan": "--plan does not go with --status",
    "--verify a-run --sanity": "--sanity does not go with --verify",
    "--seed 0 --seeds 1": "seed is given twice: as --seed and --seeds",
    "--architecture=cnn --arch cnn": "arch is given twice: as --architecture and --arch",
    "--checkpoint-dir a b": "checkpoint_dir takes one value; got a b",
    "--set cpu_threads=1,2": "cpu_threads takes one value",
    "--options depth=3": "no owner has an option 'depth'; options belong to their owner",
    "--options attack_size=0.1": 'write options={"awp": {"attack_size": 0.1}}, or --options awp.attack_size=0.1',
    "--options beta.attack_size=0.1": "options of 'beta' have no effect: no run of this list has 'beta' as its regime",
    "--options betta.attack_size=0.1": "unknown owner of options 'betta'; choose from",
    "--regime beta --options beta.atack_size=0.1": "unknown option 'atack_size' of beta; choose from",
    "--epochs 0": "epochs 0 trains nothing: give initial_weights",
    "--initial-weights nowhere.pt": "initial_weights: there is no file nowhere.pt",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_words_are_one_sentence_and_exit_code_2(text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_experiments.main(text.split()) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert WRONG[text] in printed.err and not list(tmp_path.iterdir())


def test_a_value_of_another_kind_is_no_bug_of_the_parser():
    with pytest.raises(ConfigError, match="alpha_tests must be a number; got 'many'"):
        lines("--alpha-tests 0 0.1 many")
    for words in ("--alpha-tests 0 0.1 cnn", "--regime noisy cnn", "--seeds 0 cnn"):
        with pytest.raises(ConfigError, match="cannot be 'cnn', an architecture; put .* flags, or write --arch cnn"):
            lines(words)
