import ast
import dataclasses
import inspect
import textwrap

import pytest

import run_experiments
from campaign.settings import Settings, parse_flags
from tests.campaign.test_grid import BASE

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
    "weight_decay": ("1e-4", 1e-4),
    "activations": ("gelu relu", ["gelu", "relu"]),
    "p": ("0.5", 0.5),
    "alpha_tests": ("0 0.3", [0, 0.3]),
    "noise_samples": ("9", 9),
    "image_size": ("none", None),
    "max_train_samples": ("2000", 2000),
    "precision": ("bf16", "bf16"),
    "sweep_precision": ("bf16", "bf16"),
    "options": ("depth=3 rate=0.5 fast=true kind=deep", {"depth": 3, "rate": 0.5, "fast": True, "kind": "deep"}),
    "engine": ("serial", "serial"),
    "max_workers": ("3", 3),
    "cpu_threads_per_worker": ("4", 4),
    "run_timeout_s": ("3600", 3600.0),
    "epoch_checkpoint_s": ("0", 0.0),
    "data_dir": ("/there", "/there"),
    "output_dir": ("/out", "/out"),
    "checkpoint_dir": ("none", None),
}


def block() -> ast.Call:
    tree = ast.parse(textwrap.dedent(inspect.getsource(run_experiments.main)))
    return next(
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Settings"
    )


def test_the_block_names_every_setting_with_one_line_on_what_it_is():
    lines = textwrap.dedent(inspect.getsource(run_experiments.main)).splitlines()
    assert [keyword.arg for keyword in block().keywords] == [field.name for field in dataclasses.fields(Settings)]
    for keyword in block().keywords:
        assert "  # " in lines[keyword.lineno - 1], keyword.arg


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_flag_overrides_the_block(name):
    text, value = EXAMPLES[name]
    settings, _ = parse_flags(BASE, [f"--{name.replace('_', '-')}", *text.split()])
    assert settings == dataclasses.replace(BASE, **{name: value})


def test_every_setting_has_a_flag():
    assert EXAMPLES.keys() | {"architectures", "use_cuda", "memory_check"} == {
        field.name for field in dataclasses.fields(Settings)
    }


def test_architectures_are_positional_and_switches_have_a_no():
    assert parse_flags(BASE, ["resnet18", "cnn"])[0].architectures == ["resnet18", "cnn"]
    assert parse_flags(BASE, ["--use-cuda"])[0].use_cuda is True
    assert parse_flags(BASE, ["--no-use-cuda"])[0].use_cuda is False
    assert parse_flags(BASE, [])[0] == BASE
    assert parse_flags(BASE, ["--no-memory-check"])[0].memory_check is False
    assert parse_flags(BASE, ["--sanity"])[1].sanity is True
    assert parse_flags(BASE, [])[1].retry_failed is False and parse_flags(BASE, ["--retry-failed"])[1].retry_failed


@pytest.mark.parametrize(
    "wrong", [["--epochs", "many"], ["--epoch", "3"], ["--seeds"], ["--options", "depth"], ["--nonsense"]]
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
