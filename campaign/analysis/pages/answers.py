"""What questions, tables and histories of a results folder become on a page: sections."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from campaign.analysis import columns, panels, questions, tables
from campaign.analysis.figures import FiguresOf
from campaign.analysis.pages import render
from campaign.analysis.pages.render import Figure, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn

MOST_FIGURES = 12
"""Figures of one question on a page."""

Tables = dict[str, pd.DataFrame]


class Numbered:
    """Figures of one page, each with a number of its own."""

    def __init__(self):
        self.number = 0

    def figure(self, drawn: "Drawn", caption: str) -> Figure:
        """The next figure of the page."""
        self.number += 1
        return render.figure_of(drawn, self.number, caption)


def of_questions(by_name: Tables, figures_of: FiguresOf, numbered: Numbered) -> Iterator[Section]:
    """A section for each question that these tables answer.

    `by_name`: the tables of a results folder, all of them; `figures_of`: gives the figures of a question by name.
    """
    for name, question in questions.modules().items():
        drawn = figures_of(name)
        text = questions.answer(name, lambda: str(question.report(by_name)), "")  # noqa: B023 - called at once
        own = [table for table in question.TABLES if table in by_name]
        if not drawn and not text and not own:
            continue
        title, about = _docstring(question, name, bool(own) or not question.TABLES)
        shown = [numbered.figure(figure, panels.caption(figure)) for figure in list(drawn.values())[:MOST_FIGURES]]
        more = f"{len(drawn) - MOST_FIGURES} further figures are left out here; `make figures` draws all of them."
        yield Section(
            title, name, render.markdown(about), [text] if text else [], shown,
            [_table(table, by_name) for table in own], note=more if len(drawn) > MOST_FIGURES else "",
        )  # fmt: skip


def of_tables(by_name: Tables) -> Section:
    """The tables of every results folder."""
    about = "<p>Each table is a file beside this page; point at a column's name to see what it means.</p>"
    shown = [_table(name, by_name) for name in tables.NAMES if len(by_name[name])]
    return Section("Tables", "tables", Markup(about), tables=shown)


def _table(name: str, by_name: Mapping[str, pd.DataFrame]) -> Table:
    file = f"{name}.csv"
    return render.table_of(file, by_name[name], lambda column: columns.explanation(name, column, by_name), file=file)


def _docstring(question: ModuleType, name: str, has_tables: bool) -> tuple[str, str]:
    """The first line of a question's docstring, and what follows.

    A further question, a later paragraph that begins in bold, is asked only where there are tables that answer it.
    """
    title, _, about = (question.__doc__ or name).strip().partition("\n")
    first, *later = about.strip().split("\n\n")
    kept = [text for text in later if has_tables or not text.startswith("**")]
    return title.strip().rstrip("."), "\n\n".join([first, *kept])


def files_of(folder: Path) -> bool:
    """Whether a results folder has tables."""
    return all((folder / f"{name}.csv").is_file() for name in tables.NAMES)
