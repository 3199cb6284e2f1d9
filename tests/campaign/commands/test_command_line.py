import ast
import dataclasses
import inspect

import pytest

import run_experiments
from campaign.commands.command_line import CommandLine, Settings
from tests.campaign.grid.test_block import BASE

OPTIONS = {"depth": 3, "rate": 0.5, "fast": True, "p": "inf", "zetas": [0, 0.1], "bits": [4]}
EXAMPLES = {
    "dataset": ("mnist", "mnist"),
    "regimes": ("noisy", ["noisy"]),
    "alpha_train": ("0.05 0.5", [0.05, 0.5]),
    "noise_model": ("magnitude", "magnitude"),
    "seeds": ("7 8", [7, 8]),
    "epochs": ("4", 4),
    "batch_size": ("32", 32),
    "optimizer": ("sgd", "sgd"),
    "learning_rate": ("1e-2", 0.01),
    "momentum": ("0.5", 0.5),
    "lr_schedule": ("constant", "constant"),
    "lr_restart_epochs": ("none", None),
    "lr_milestones": ("60 90", [60, 90]),
    "lr_factor": ("0.1", 0.1),
    "weight_decay": ("1e-4", 1e-4),
    "dropout": ("0.3", 0.3),
    "augmentation": ("dataset", "dataset"),
    "validation_share": ("0.1", 0.1),
    "activations": ("gelu relu", ["gelu", "relu"]),
    "ps": ("0 0.5", [0, 0.5]),
    "corruption": ("additive", "additive"),
    "master_seed": ("3", 3),
    "alpha_tests": ("0 0.3", [0, 0.3]),
    "noise_samples": ("9", 9),
    "image_size": ("none", None),
    "max_train_samples": ("2000", 2000),
    "precision": ("bf16", "bf16"),
    "sweep_precision": ("bf16", "bf16"),
    "options": ("depth=3 rate=0.5 fast=true p=inf zetas=0,0.1 bits=4,", OPTIONS),
    "engine": ("serial", "serial"),
    "evaluations": ("worst_case landscape", ["worst_case", "landscape"]),
    "max_workers": ("3", 3),
    "cpu_threads_per_worker": ("4", 4),
    "run_timeout_s": ("3600", 3600.0),
    "epoch_checkpoint_s": ("0", 0.0),
    "data_dir": ("/there", "/there"),
    "output_dir": ("/out", "/out"),
    "checkpoint_dir": ("none", None),
}


def calls(source: str, name: str) -> list[ast.Call]:
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [node for node in found if getattr(node.func, "id", "") == name]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_the_blocks_name_every_setting_with_one_line_on_what_it_is(number):
    source = inspect.getsource(run_experiments)
    found = []
    for call in (calls(source, "Settings")[number], calls(source, "dict")[0]):
        named = [keyword for keyword in call.keywords if keyword.arg is not None]
        found += [keyword.arg for keyword in named]
        for keyword in named:
            assert "  # " in source.splitlines()[keyword.lineno - 1], keyword.arg
    assert found == [field.name for field in dataclasses.fields(Settings)]


def parse_flags(block, arguments):
    command = CommandLine(["weight_noise", "pixels"], arguments)
    return command.overridden(block), command.flags


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_flag_overrides_the_block(name):
    text, value = EXAMPLES[name]
    settings, _ = parse_flags(BASE, [f"--{name.replace('_', '-')}", *text.split()])
    assert settings == dataclasses.replace(BASE, **{name: value})


def test_every_setting_has_a_flag():
    switches = {"use_cuda", "memory_check", "corrupt_test", "nesterov", "smoothed_accuracy"}
    tested = EXAMPLES.keys() | switches | {"architectures", "repeats"}
    assert tested == {field.name for field in dataclasses.fields(Settings)}


def test_architectures_are_positional_and_switches_have_a_no():
    assert parse_flags(BASE, ["resnet18", "cnn"])[0].architectures == ["resnet18", "cnn"]
    assert parse_flags(BASE, ["--use-cuda"])[0].use_cuda is True
    assert parse_flags(BASE, ["--no-use-cuda"])[0].use_cuda is False
    assert parse_flags(BASE, [])[0] == BASE
    assert parse_flags(BASE, ["--no-memory-check"])[0].memory_check is False
    assert parse_flags(BASE, ["--corrupt-test"])[0].corrupt_test is True
    assert parse_flags(BASE, ["--no-nesterov"])[0].nesterov is False
    assert parse_flags(BASE, ["--only", "p=0.5", "arch=cnn"])[1].only == [("p", 0.5), ("arch", "cnn")]
    assert parse_flags(BASE, ["--sanity"])[1].sanity is True
    assert parse_flags(BASE, ["--plan", "--json"])[1].json is True
    assert parse_flags(BASE, [])[1].retry_failed is False and parse_flags(BASE, ["--retry-failed"])[1].retry_failed


def test_seeds_take_the_place_of_repeats_and_repeats_that_of_seeds():
    repeated = parse_flags(BASE, ["--repeats", "4"])[0]
    assert (repeated.seeds, repeated.repeats) == (None, 4)
    assert parse_flags(repeated, ["--seeds", "5", "6"])[0] == dataclasses.replace(BASE, seeds=[5, 6])
    assert parse_flags(BASE, ["--seeds", "none", "--repeats", "2"])[0].seeds is None


def test_a_study_may_have_several_blocks():
    command = CommandLine(["weight_noise"], ["--epochs", "7"])
    other = dataclasses.replace(BASE, batch_size=32)
    assert command.overridden(BASE) == dataclasses.replace(BASE, epochs=7)
    assert command.overridden(other) == dataclasses.replace(other, epochs=7)
    assert command.settings == dataclasses.replace(BASE, epochs=7)


def test_the_study_is_known_before_its_block():
    assert CommandLine(["weight_noise", "pixels"], ["--epochs", "3", "--study", "pixels"]).study == "pixels"
    assert CommandLine(["weight_noise", "pixels"], ["--help"]).study == "weight_noise"


@pytest.mark.parametrize(
    "wrong",
    [
        ["--study", "pixel"],
        ["--json"],
        ["--epochs", "many"],
        ["--epoch", "3"],
        ["--seeds"],
        ["--options", "depth"],
        ["--nonsense"],
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(wrong, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_flags(BASE, wrong)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith("error: ") and printed.err.count("\n") == 1


def test_help_shows_every_flag_with_the_blocks_value(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_flags(BASE, ["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert caught.value.code == 0
    for name in EXAMPLES:
        assert f"--{name.replace('_', '-')}" in shown
    assert "strengths of weight noise in training, relative to the weights (block: 0.1 0.2)" in shown
