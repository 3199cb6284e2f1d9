"""The text of tables, a part at a time, so that large ones never lie in memory as text."""

import csv
import io
import json
from collections.abc import Iterator, Mapping

import pandas as pd

from campaign.analysis.reading import no_formula

ROWS = 10_000
"""Of a part."""


def csv_of(table: pd.DataFrame) -> Iterator[bytes]:
    """A table as CSV; text that a spreadsheet would read as a formula is quoted."""
    for start in range(0, max(len(table), 1), ROWS):
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if start == 0:
            writer.writerow(map(no_formula, table))
        writer.writerows(zip(*map(_without_formulas, _columns(table[start : start + ROWS])), strict=True))
        yield text.getvalue().encode(errors="backslashreplace")


def json_of(tables: Mapping[str, pd.DataFrame]) -> Iterator[bytes]:
    """Tables by name as JSON with an indent of one space, each a list of flat records; empty cells are null.

    Raises ValueError for infinite numbers.
    """
    encode = json.JSONEncoder(separators=("\n", ""), allow_nan=False).encode  # no text of JSON has a line break
    opening = "{\n"
    for name, table in tables.items():
        yield f"{opening} {json.dumps(name)}: [".encode()
        names = [json.dumps(column).replace("%", "%%") for column in table]
        record = "  {\n   " + ",\n   ".join(f"{column}: %s" for column in names) + "\n  }"
        for start in range(0, len(table), ROWS):
            columns = [encode(cells)[1:-1].split("\n") for cells in _columns(table[start : start + ROWS])]
            records = ",\n".join([record % row for row in zip(*columns, strict=True)])
            yield f"{',' if start else ''}\n{records}".encode()
        yield b"\n ]" if len(table) else b"]"
        opening = ",\n"
    yield b"\n}\n"


def _columns(table: pd.DataFrame) -> list[list]:
    """The columns as lists of Python values, None for an empty cell."""
    columns = [table.iloc[:, place] for place in range(table.shape[1])]
    return [column.astype(object).where(column.notna(), None).tolist() for column in columns]


def _without_formulas(cells: list) -> list:
    """A column whose text no spreadsheet reads as a formula."""
    safe = {cell: no_formula(cell) for cell in {cell for cell in cells if isinstance(cell, str)}}
    return [safe[cell] if isinstance(cell, str) else cell for cell in cells] if safe else cells
