"""From sections to the text of a page: everything that is no markup of this room is escaped."""

import base64
import io
import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from campaign.analysis import style
from nnet.console import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn

RELOAD_S = 60
"""Seconds after which the page of a campaign under way loads itself again."""
OLD_S = 3600
"""Seconds after which such a page says that it is old."""
MOST_ROWS = 300
"""Rows of a table on a page: the file beside the page has all."""
LONG = 60
"""Characters above which a cell has line breaks."""
MOST_SVG = 400_000
"""Bytes of a drawing above which it becomes an image of pixels."""
PIXELS_PER_INCH = 150


@dataclass(frozen=True)
class Figure:
    """A drawing and what it shows."""

    image: Markup
    caption: str


@dataclass(frozen=True)
class Table:
    """A table that a click on a column's name sorts."""

    title: str
    columns: Sequence[tuple[str, str]]
    """Name and explanation of each."""
    rows: Sequence[Sequence[Markup]]
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A part of a page, with a heading."""

    title: str
    anchor: str
    about: Markup = Markup()
    texts: Sequence[str] = ()
    """Printed as they are, letter by letter in columns."""
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    details: Sequence[tuple[str, str]] = ()
    """Line and text of what opens at a click."""
    note: str = ""


@dataclass(frozen=True)
class Page:
    """What a page shows."""

    title: str
    lines: Sequence[str]
    """Sentences below the title; the first one is the largest."""
    sections: Sequence[Section]
    live: bool = False
    """Whether it loads itself again now and then."""
    written_s: float = field(default_factory=time.time)

    def html(self) -> bytes:
        """The page, UTF-8."""
        folder = FileSystemLoader(Path(__file__).parent)
        environment = Environment(loader=folder, autoescape=True, undefined=StrictUndefined, finalize=_shown)
        text = environment.get_template("page.html").render(
            title=self.title, lines=self.lines, sections=[section for section in self.sections if section],
            reload_s=RELOAD_S if self.live else None, old_s=OLD_S, written_s=round(self.written_s),
        )  # fmt: skip
        return text.encode(errors="backslashreplace")


def markdown(text: str) -> Markup:
    """Markdown as HTML; HTML inside it is escaped."""
    import mistune

    return Markup(mistune.create_markdown(escape=True)(clean(text)))


def figure_of(drawn: "Drawn", number: int, caption: str) -> Figure:
    """A figure of matplotlib as SVG; `number`: that of the figure on its page, which keeps names inside apart."""
    import matplotlib

    text = io.StringIO()
    without = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style.used(style.Style()), matplotlib.rc_context({"svg.fonttype": "path"}):  # fonts are not on every machine
        drawn.savefig(text, format="svg", metadata=without)
    svg = text.getvalue()
    if len(svg) > MOST_SVG:
        return Figure(_pixels(drawn, caption), caption)
    svg = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # nothing refers to groups, and some have one name
    svg = re.sub(r'(?<=\bid=")|(?<=href="#)|(?<=url\(#)', f"f{number}-", svg)
    named = Markup('<svg role="img" aria-label="{}"').format(clean(caption))
    return Figure(Markup(svg.replace("<svg", named, 1)), caption)


def table_of(
    title: str,
    table: pd.DataFrame,
    explained: Callable[[str], str] = lambda column: "",
    most: int = MOST_ROWS,
    file: str | None = None,
) -> Table:
    """The first rows of a table; `file`: the name of the file that has all of them."""
    shown = table.head(most)
    cells = [list(map(_cell, shown.iloc[:, place].tolist())) for place in range(shown.shape[1])]
    note = ""
    if len(table) > most:
        where = f"; {file} has all" if file else ""
        note = f"The first {most:,} of {len(table):,} rows{where}. A click on a column's name sorts those shown."
    columns = [(str(column), explained(str(column))) for column in shown]
    return Table(title, columns, list(zip(*cells, strict=True)), note)


def rows_of(title: str, columns: Iterable[str], rows: Sequence[Sequence[object]], note: str = "") -> Table:
    """A table from plain rows."""
    return Table(title, [(column, "") for column in columns], [list(map(_cell, row)) for row in rows], note)


def _cell(value: object) -> Markup:
    """A cell; numbers have six digits, and what does not exist is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return Markup("<td></td>")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Markup('<td class="n">{}</td>').format(f"{value:.6g}" if isinstance(value, float) else value)
    text = clean(str(value))
    return Markup('<td class="long">{}</td>' if len(text) > LONG else "<td>{}</td>").format(text)


def _pixels(drawn: "Drawn", caption: str) -> Markup:
    content = io.BytesIO()
    with style.used(style.Style()):
        drawn.savefig(content, format="png", dpi=PIXELS_PER_INCH)
    data = base64.b64encode(content.getvalue()).decode()
    return Markup('<img src="data:image/png;base64,{}" alt="{}">').format(data, clean(caption))


def _shown(value: object) -> object:
    """What the template prints: text without characters that a browser would obey."""
    return clean(value) if type(value) is str else value
