"""What README.md and the pages in docs/ print: their examples, commands and numbers."""

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from scipy import stats

from tests.conftest import ROOT

RESULTS = ROOT / "results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FOLDERS = {
    "nnet/architectures": "architectures",
    "nnet/datasets": "datasets",
    "nnet/regimes": "regimes",
    "nnet/evaluations": "evaluations",
    "campaign/analysis/questions": "questions",
    "studies": "studies",
}
"""The folder of each kind of plug-in, and its name in a folder of the user's."""


class Command(NamedTuple):
    """A command line of a page."""

    page: str
    words: list[str]
    runs: int | None
    """The number of runs that the page states after it."""

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)}"


def page(name: str) -> str:
    """A page in one line, with spaces for breaks of lines."""
    return " ".join((ROOT / name).read_text().split())


def section(name: str, title: str) -> str:
    """The part of a page under a title of the second level, with its lines."""
    parts = re.split(r"^## (.+)\n", (ROOT / name).read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


def excluding_zero(differences: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of paired differences with an interval that excludes zero."""
    return differences[(differences["low"] > 0) | (differences["high"] < 0)]


def core_hours(folder: Path) -> float:
    """What the runs of a campaign took by their own clocks."""
    runs = pd.read_csv(folder / "results_per_run.csv")
    return (runs["train_seconds"] + runs["sweep_seconds"]).sum() / 3600


def planned_hours(folder: Path) -> float | None:
    """What its launch had planned; None where `campaign.json` has the estimates of some runs alone."""
    campaign = json.loads((folder / "campaign.json").read_text())
    seconds = campaign["seconds"].values()
    return sum(seconds) / 3600 if len(seconds) == len(campaign["runs"]) else None


def paired(first: pd.Series, second: pd.Series) -> tuple[float, float, float]:
    """Mean of `second` − `first` in percentage points, and its 95 % interval."""
    difference = 100 * (second - first)
    assert difference.notna().all()
    half = stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference)
    return difference.mean(), difference.mean() - half, difference.mean() + half


def signed(text: str) -> str:
    """With the minus sign of the pages."""
    return text.replace("-", "−")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S)


def commands() -> list[Command]:
    """Every command line of all pages."""
    lines = [(page, line) for page in PAGES for block in blocks(page, "sh") for line in _lines(block)]
    return [_command(str(page.relative_to(ROOT)), line) for page, line in lines]


def _lines(block: str) -> list[str]:
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def _command(page: str, line: str) -> Command:
    text, _, comment = line.partition(" #")
    stated = re.search(r"\b(\d+) runs\b", comment)
    return Command(page, shlex.split(text), int(stated[1]) if stated else None)


def examples() -> dict[str, str]:
    """The Python blocks that begin with a comment that names their file: content by path."""
    titled = [block.split("\n", 1) for page in PAGES for block in blocks(page, "python") if _path(block)]
    paths = [title.removeprefix("# ") for title, _ in titled]
    assert len(paths) == len(set(paths)), paths
    return dict(zip(paths, (text for _, text in titled), strict=True))


def plug_ins() -> dict[str, str]:
    """Of the examples, those that lie in a folder of plug-ins."""
    return {path: text for path, text in examples().items() if str(Path(path).parent) in FOLDERS}


def write_plug_ins(folder: Path) -> None:
    """Write them as a folder of the user's, for NNET_PLUGINS."""
    for path, text in plug_ins().items():
        file = folder / FOLDERS[str(Path(path).parent)] / Path(path).name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def untitled() -> list[tuple[str, str]]:
    """(page, text) of the Python blocks without the name of a file, but for entries of a file."""
    python = [(str(page.relative_to(ROOT)), block) for page in PAGES for block in blocks(page, "python")]
    return [(page, block) for page, block in python if not block.startswith("#")]


def _path(block: str) -> bool:
    return re.match(r"# [\w/]+\.py\n", block) is not None
