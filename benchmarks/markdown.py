"""Numbers, paragraphs and tables of a page in Markdown."""

import textwrap
from collections.abc import Iterable


def wrapped(paragraph: str) -> str:
    """A paragraph in lines of 120 characters; headings and tables stay as they are."""
    text = paragraph.strip()
    if text[0] in "#|":
        return text
    return textwrap.fill(text.replace(" %", "\u00a0%"), 120, break_on_hyphens=False)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    lines = [list(head)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def ratio(row: dict, digits: int = 2) -> str:
    """A row's median ratio with its range."""
    return "{:.{n}f} ({:.{n}f} to {:.{n}f})".format(row["ratio"], row["ratio_min"], row["ratio_max"], n=digits)


def percent(share: float) -> str:
    """A share as a whole percentage."""
    return f"{100 * share:.0f} %"


def verdict(reached: bool) -> str:
    """Whether a target was reached, in a word."""
    return "reached" if reached else "**missed**"
