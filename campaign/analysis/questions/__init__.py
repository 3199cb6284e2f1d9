"""Questions about finished runs, one per file: the tables, figures and the paragraph that answer it.

A question is a module in this folder, found by its file name, with

    TABLES = ("…",)                            names of the tables that it may give, a literal
    tables(runs: Runs) -> dict[str, DataFrame] its tables by name; each is written as <name>.csv
    figures(tables) -> dict[str, Figure]       its figures by name
    report(tables) -> str                      what a campaign prints at its end about this question

and a docstring, which the notebook shows as Markdown. A later paragraph that begins in bold asks a further question; a
page shows it only if it has tables of the question. A module may also have `LIMITS`, which says what its answers do not
show, and `texts(tables) -> dict[str, str]`: text files by name. In all of these, `tables` are all tables of a results
folder by name: results_per_run, sweep, results_summary and those of all questions. A question without data returns {}
or "". Long code and code of several questions lies in `parts/`. Questions import matplotlib inside functions only,
because a launcher writes tables and draws nothing.

A question that cannot be loaded or that raises an exception is left out: its error is printed once, and the campaign
goes on.
"""

import functools
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType

import pandas as pd

from campaign.analysis.excerpts import Excerpt
from campaign.grid.settings import RESOLUTION
from campaign.machine.console import complain
from nnet import registry
from nnet.checks import ConfigError

KIND = "campaign.analysis.questions"
REFERENCE = {"regime": "clean"}


@dataclass(frozen=True)
class Runs:
    """The finished runs of one results folder, as a question sees them."""

    excerpts: Sequence[Excerpt]
    """What is in memory of the run files, in the order of `per_run`."""
    read: Callable[[str], dict | None]
    """The content of a run file by run_id; None if it is damaged by now."""
    per_run: pd.DataFrame
    """results_per_run.csv: a row per run."""
    sweep: pd.DataFrame
    """sweep.csv: a row per run, evaluation and strength."""
    summary: pd.DataFrame
    """results_summary.csv: a row per cell of seeds."""
    reference: Mapping[str, object]
    """What the study compares its runs with: one setting or option and its value, such as {"p": 0}."""
    resolution: float = RESOLUTION
    """Half-width of an interval, in percentage points, for which tables count the seeds that are missing."""

    @property
    def results(self) -> list[dict]:
        """The run files' contents, in the order of `per_run`. They are read now, which takes a millisecond for each."""
        return [run for run_id in self.per_run["run_id"] if (run := self.read(run_id)) is not None]


@functools.cache
def modules() -> dict[str, ModuleType]:
    """Every question by name, those with `FIRST = True` first; one that cannot be loaded is named in a warning."""
    questions = {}
    for name in registry.names(KIND):
        try:
            questions[name] = registry.load(KIND, name)
        except ConfigError as error:
            complain(f"warning: question {name!r} is left out: {error}")
    return dict(sorted(questions.items(), key=lambda item: not getattr(item[1], "FIRST", False)))


def table_names() -> list[str]:
    """The names of all tables that questions may give."""
    return [table for question in modules().values() for table in question.TABLES]


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """The tables of all questions by name, without empty ones."""
    return {
        table: rows
        for name, question in modules().items()
        for table, rows in answer(name, lambda: _declared(question, question.tables(runs)), {}).items()  # noqa: B023
        if not rows.empty
    }


def report(tables: dict[str, pd.DataFrame]) -> str:
    """The paragraphs of all questions."""
    paragraphs = [answer(name, lambda: str(question.report(tables)), "") for name, question in modules().items()]  # noqa: B023
    return "\n\n".join(filter(None, paragraphs))


def texts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The text files of all questions by name."""
    answers = [answer(name, lambda: texts_of(question, tables), {}) for name, question in modules().items()]  # noqa: B023
    return {file: text for answer in answers for file, text in answer.items()}


def texts_of(question: ModuleType, tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The text files of one question by name; {} if it writes none."""
    return question.texts(tables) if hasattr(question, "texts") else {}


failed: set[str] = set()
"""The questions that have raised an exception in this process."""


def complete() -> bool:
    """Whether every question could be loaded, and none has failed so far."""
    return not failed and len(modules()) == len(registry.names(KIND))


def answer(name: str, ask: Callable, nothing: object):
    """What a question answers; `nothing`, and its traceback once, if it raises an exception."""
    try:
        return ask()
    except Exception:  # noqa: BLE001 - a question must not end a campaign that has runs to do
        if name not in failed:
            failed.add(name)
            complain(f"warning: question {name!r} failed and is left out:\n{traceback.format_exc()}")
        return nothing


def _declared(question: ModuleType, answers: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    for table in answers.keys() - {*question.TABLES}:
        raise ValueError(f"{question.__name__} gives a table {table!r} that is not in its TABLES")
    for table, rows in answers.items():
        if not isinstance(rows, pd.DataFrame):
            raise TypeError(f"{question.__name__} gives a table {table!r} that is a {type(rows).__name__}")
    return answers
