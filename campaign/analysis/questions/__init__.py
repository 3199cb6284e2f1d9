"""Questions about finished runs, one per file: the tables, figures and the paragraph that answer it.

A question is a module in this folder, found by its file name, with

    TABLES = ("…",)                            names of the tables that it may give, a literal
    tables(runs: Runs) -> dict[str, DataFrame] its tables by name; each is written as <name>.csv
    figures(tables) -> dict[str, Figure]       its figures by name
    report(tables) -> str                      what a campaign prints at its end about this question

and a docstring, which the notebook shows as Markdown. It may have `texts(tables) -> dict[str, str]`: text files by
name. In these, `tables` are all tables of a results folder by name: results_per_run, sweep, results_summary and those
of all questions. A question without data returns {} or "". Long code and code of several questions lies in `parts/`.
Questions import matplotlib inside functions only, because a launcher writes tables and draws nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType

import pandas as pd

from nnet import registry

KIND = "campaign.analysis.questions"
REFERENCE = {"regime": "clean"}


@dataclass(frozen=True)
class Runs:
    """The finished runs of one results folder, as a question sees them."""

    results: list[dict]
    """The run files' contents, in the order of `per_run`."""
    per_run: pd.DataFrame
    """results_per_run.csv: a row per run."""
    sweep: pd.DataFrame
    """sweep.csv: a row per run, evaluation and strength."""
    summary: pd.DataFrame
    """results_summary.csv: a row per cell of seeds."""
    reference: Mapping[str, object]
    """What the study compares its runs with: one setting or option and its value, such as {"p": 0}."""


def modules() -> dict[str, ModuleType]:
    """Every question by name."""
    return {name: registry.load(KIND, name) for name in registry.names(KIND)}


def table_names() -> list[str]:
    """The names of all tables that questions may give."""
    return [table for name in registry.names(KIND) for table in registry.constant(KIND, name, "TABLES", ())]


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """The tables of all questions by name, without empty ones. Raises ValueError if a question does not declare one."""
    answers = {}
    for name, question in modules().items():
        for table, rows in question.tables(runs).items():
            if table not in question.TABLES:
                raise ValueError(f"question {name!r} gives a table {table!r} that is not in its TABLES")
            if not rows.empty:
                answers[table] = rows
    return answers


def report(tables: dict[str, pd.DataFrame]) -> str:
    """The paragraphs of all questions."""
    return "\n\n".join(filter(None, (question.report(tables) for question in modules().values())))


def texts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The text files of all questions by name."""
    return {name: text for question in modules().values() for name, text in texts_of(question, tables).items()}


def texts_of(question: ModuleType, tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The text files of one question by name; {} if it writes none."""
    return question.texts(tables) if hasattr(question, "texts") else {}
