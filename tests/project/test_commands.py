"""Every command of README.md and docs/ is one that the program understands, and means the runs that the page states."""

import importlib.util
import json
import re

import pytest

import run_experiments
from tests.conftest import ROOT, save_npz
from tests.project.pages import PAGES, commands, examples, write_plug_ins

COMMANDS = commands()
CAMPAIGNS = [command for command in COMMANDS if "run_experiments.py" in command.words]
INSTEAD = {"--help": 0, "--plan": 0, "--status": 0, "--sanity": 0, "--verify": 1, "--print-job": 1}
INSTEAD |= {"--report": 0, "--card": 0, "--watch": 0, "--list-weights": 0, "--prune-weights": 0, "--merge": 1}
INSTEAD |= {"--export": 2}
"""Flags that do something else than launch runs, and how many words follow each."""
OTHER_PROGRAMS = ("make", "tail", "sbatch", ".venv/bin/pip", "export")
COMMITTED = {"docs/tables.md": "results/mnist"}
"""Pages with a command whose campaign is committed and whose data can be downloaded."""


def flags(words: list[str]) -> list[str]:
    """The words after run_experiments.py, up to a redirection, for one job of an array."""
    start = words.index("run_experiments.py") + 1
    end = next((place for place, word in enumerate(words) if word in (">", "&")), len(words))
    return [word.replace("$SLURM_ARRAY_TASK_ID", "1") for word in words[start:end]]


def launching(words: list[str]) -> list[str]:
    """The flags that say which runs a command launches."""
    rest, words = [], flags(words)
    while words:
        count = INSTEAD.get(words[0])
        rest += words[:1] if count is None else []
        words = words[1 + (count or 0) :]
    return rest


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the files that commands name, and the plug-ins of all pages as a folder of the user's."""
    folder = tmp_path_factory.mktemp("files")
    write_plug_ins(folder / "plug_ins")
    for path, text in examples().items():
        if "/" not in path or path.startswith("plug_ins/"):
            (folder / path).write_text(text)
    for name in ("cifar10_jpeg", "photos", "my_data"):
        save_npz(folder / f"{name}.npz")
    for name in ("resnet50.pth", "weights.pt", "my_network.pt"):
        (folder / name).touch()
    return folder


@pytest.fixture
def working_folder(files, monkeypatch):
    """That folder, as the working folder of a user."""
    monkeypatch.chdir(files)
    monkeypatch.setenv("NNET_PLUGINS", str(files / "plug_ins"))


def runs_of(words: list[str], capsys) -> dict:
    """What --status says of these flags."""
    assert run_experiments.main([*words, "--status", "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", {tuple(launching(one.words)): one for one in CAMPAIGNS}.values(), ids=str)
def test_a_campaign_has_the_runs_that_its_page_states(working_folder, capsys, command):
    words = launching(command.words)
    counts = {one.runs for one in CAMPAIGNS if launching(one.words) == words and one.runs}
    assert counts <= {runs_of(words, capsys)["runs"]}


def test_pages_state_the_runs_of_every_study():
    stated = {word for command in CAMPAIGNS if command.runs for word in command.words}
    assert {path.stem for path in (ROOT / "studies").glob("*.py")} - {"__init__"} <= stated


def test_the_help_lists_the_flags_that_do_something_else(capsys):
    assert run_experiments.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert not [flag for flag in INSTEAD if flag not in text]


@pytest.mark.parametrize("page", COMMITTED)
def test_a_committed_campaign_is_that_of_its_pages_command(page, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    finished = []
    for command in CAMPAIGNS:
        if command.page == page and launching(command.words) == flags(command.words):
            status = runs_of(flags(command.words), capsys)
            finished.append(
                status["runs"] == status["finished"] == len(list((ROOT / COMMITTED[page] / "runs").iterdir()))
            )
    assert any(finished)


@pytest.mark.parametrize("command", [one for one in COMMANDS if one not in CAMPAIGNS], ids=str)
def test_another_command_exists(command):
    program, *words = command.words
    if program == "make":
        assert re.search(rf"^{words[0]}:", (ROOT / "Makefile").read_text(), re.M)
    elif words[:1] == ["-m"]:
        if words[1].startswith("distributed"):
            pytest.importorskip("distributed")
        assert importlib.util.find_spec(words[1]) is not None
    elif program == "python":
        assert words[0] in examples()
    else:
        assert program in OTHER_PROGRAMS
        files = [word for word in words if word.endswith((".txt", ".toml"))]
        assert all((ROOT / name).exists() or name == "output.txt" for name in files)


def test_no_command_of_the_program_stands_outside_a_block_that_is_tested():
    for page in PAGES:
        outside = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
        assert not re.search(r"^ {4}.*python ", outside, re.M), page
