"""What --help shows: the flags in groups, with the values of the block or of a study."""

import subprocess
import sys

import pytest

import run_experiments
from campaign.grid.settings import settings
from tests.conftest import ROOT


def shown(capsys, *words: str) -> str:
    assert run_experiments.main([*words, "--help"]) == 0
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def test_the_help_fits_and_is_grouped(capsys):
    text = shown(capsys)
    assert len(text.splitlines()) <= 100 and max(map(len, text.splitlines())) <= 100
    titles = ["what is trained:", "how it is measured:", "launch:", "cluster:", "instead of launching:"]
    assert [line for line in text.splitlines() if line.endswith(":") and not line.startswith(" ")] == titles


def test_the_help_shows_every_line_of_the_block_with_its_value_and_names_the_other_settings(capsys):
    text = " ".join(shown(capsys).split())
    described, others = text.split("Settings without a line here, for --set: ")
    others = others.split(";")[0].split(", ")
    for name in settings():
        flag = f"--{'[no-]' if settings()[name].kind is bool else ''}{name.replace('_', '-')} "
        assert (flag in described) != (name in others), name
    assert "[mlp_small mlp_medium mlp_large cnn resnet18]" in text and "[0 0.01 0.02 0.05 0.1 0.2 0.5]" in text
    assert "--max-workers N runs at the same time; none: one per usable core [none]" in text


def test_the_help_of_a_study_shows_its_lines(capsys):
    text = " ".join(shown(capsys, "--study", "adversarial").split())
    assert (
        "--lr-milestones N" in text and "[36]" in text and "[worst_case random_corners landscape quantization]" in text
    )


def test_help_needs_neither_torch_nor_pandas():
    program = (
        "import sys, run_experiments\n"
        "assert run_experiments.main(['--help']) == 0\n"
        "assert not {'torch', 'pandas', 'numpy', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
