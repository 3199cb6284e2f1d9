"""Each recipe of docs/recipes.md is done as it is printed, on the campaign with which the page begins."""

import re
import runpy
import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

import run_experiments
from tests.conftest import ROOT
from tests.project.pages import FOLDERS, PAGES

PAGE = ROOT / "docs/recipes.md"
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```", re.M | re.S)
BEGINNING, *SECTIONS = re.split(r"^## ", PAGE.read_text(), flags=re.M)
RECIPES = {text.partition("\n")[0]: text for text in SECTIONS}
NEEDS = {"Your own trained weights": "Your own network"}
"""Recipes that use a file of another one."""


def do(text: str, folder, monkeypatch, capsys) -> str:
    """Do every block of a part of the page in a folder; returns what its last command has printed."""
    monkeypatch.chdir(folder)
    printed = ""
    for language, block in BLOCK.findall(text):
        if language == "python":
            path, code = re.fullmatch(r"# (\S+)\n(.*)", block, re.S).groups()
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(code)
            continue
        for line in block.splitlines():
            printed = command(*line.partition(" #")[::2], monkeypatch, capsys)
    return printed


def command(line: str, stated: str, monkeypatch, capsys) -> str:
    """Do one command in this process; compares the numbers of runs with those that the page states after it."""
    program, *words = shlex.split(line)
    if program == "export":
        monkeypatch.setenv(*words[0].replace("$PWD", str(Path.cwd())).split("="))
        return ""
    assert program == "python"
    if words[0] != "run_experiments.py":
        runpy.run_path(words[0], run_name="__main__")
        return capsys.readouterr().out
    engine = [] if "--verify" in words else ["--engine", "serial"]
    assert run_experiments.main([*words[1:], *engine]) == 0, capsys.readouterr().err
    printed = capsys.readouterr().out
    for number in re.findall(r"(\d+) runs", stated):
        assert printed.startswith(f"{number} runs: ")
    for number in re.findall(r"(\d+) to do", stated):
        assert re.search(rf"\b{number} to (do|be measured|be trained)\b", printed.splitlines()[0])
    return printed


@pytest.fixture(scope="module")
def campaign_of_the_page(tmp_path_factory):
    """A folder with the campaign of the page's beginning."""
    folder = tmp_path_factory.mktemp("recipes")
    return folder, []


@pytest.fixture
def place(campaign_of_the_page, tmp_path, monkeypatch, capsys):
    """A copy of that folder, as the working folder."""
    folder, done = campaign_of_the_page
    if not done:
        do(BEGINNING, folder, monkeypatch, capsys)
        done.append(True)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    yield copy
    sys.modules.pop("nnet.architectures.bottleneck", None)  # the next test has a file of its own


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_as_it_is_printed(place, monkeypatch, capsys, name):
    if name in NEEDS:
        do(RECIPES[NEEDS[name]], place, monkeypatch, capsys)
    CHECKS[name](do(RECIPES[name], place, monkeypatch, capsys), place)


def seeds(printed, place):
    summary = pd.read_csv(place / "results/digits/results_summary.csv")
    assert set(summary["n_seeds"]) == {5}


def strengths(printed, place):
    sweep = pd.read_csv(place / "results/digits/sweep.csv")
    assert 1.0 in set(sweep["alpha_test"]) and set(sweep["alpha_train"]) == {0, 0.1, 0.2, 0.4}


def draws(printed, place):
    sweep = pd.read_csv(place / "results/digits/sweep.csv")
    assert set(sweep.loc[sweep["alpha_test"] > 0, "noise_samples"]) == {20}


def data(printed, place):
    runs = pd.read_csv(place / "results/my_data/results_per_run.csv")
    assert len(runs) == 6 and runs["acc_0"].min() > 0.3


def network(printed, place):
    assert set(pd.read_csv(place / "results/digits/results_per_run.csv")["architecture"]) == {"mlp_small", "bottleneck"}


def weights(printed, place):
    runs = pd.read_csv(place / "results/digits/results_per_run.csv")
    assert len(runs.query("architecture == 'bottleneck' and epochs == 0")) == 1
    assert "quantization" in set(pd.read_csv(place / "results/digits/sweep.csv")["evaluation"])


def search(printed, place):
    assert re.search(r"^\{'clean': [\d.e-]+, 'noisy': [\d.e-]+\}$", printed, re.M)
    assert len(pd.read_csv(place / "results/search/digits/results_per_run.csv")) == 12
    final = pd.read_csv(place / "results/final/digits/results_per_run.csv")
    assert sorted(final["seed"]) == [10, 10, 11, 11, 12, 12]


def compared(printed, place):
    assert re.search(r"^clean +-?0\.\d+ +0\.\d+ +3$", printed, re.M) and re.search(r"^noisy ", printed, re.M)


def verified(printed, place):
    assert printed.splitlines()[-1].startswith("mlp_small-noisy-a0.2-seed0-9f463efd37fd12f7: the same, bit for bit")


CHECKS = {
    "Add seeds": seeds, "Add a strength of noise": strengths, "More draws": draws, "Your own data": data,
    "Your own network": network, "Your own trained weights": weights, "Search a learning rate": search,
    "Compare two studies": compared, "Hand a colleague one number to verify": verified,
}  # fmt: skip


def test_every_recipe_is_checked_and_the_page_is_found():
    assert [*CHECKS] == [*RECIPES] and PAGE in PAGES and "nnet/architectures" in FOLDERS
    assert "docs/recipes.md" in (ROOT / "README.md").read_text()
