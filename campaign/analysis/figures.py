"""The figures of results folders, drawn from their tables alone.

    python -m campaign.analysis.figures [--output-dir results] [folder ...]

writes each figure as PNG and PDF under <output_dir>/<folder>/figures/. What is drawn is up to the questions in
`campaign/analysis/questions/`. Error bars are standard errors over seeds unless the title says otherwise, and points
with missing seeds are hollow.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import panels, questions, tables
from campaign.machine import exits
from campaign.machine.console import complain, say
from campaign.store.completeness import completeness
from nnet.checks import ConfigError, nearest
from nnet.files.atomic import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(question: str, by_name: dict[str, pd.DataFrame], note: str = "") -> "dict[str, Figure]":
    """The figures of one question by name, each with the note on completeness in its title.

    `by_name`: the tables of a results folder, as `campaign.analysis.tables.read` returns them. None if the question
    raises an exception, which is printed once.
    """
    figures = questions.answer(question, lambda: questions.modules()[question].figures(by_name), {})
    return {name: panels.add_note(figure, note) for name, figure in figures.items()}


def save_all(folder: Path) -> list[Path]:
    """Draw the figures of a results folder as PNG and PDF under `folder`/figures; returns the paths of the PNGs."""
    by_name, note = tables.read(folder), completeness(folder)
    figures: dict[str, Figure] = {}
    for question in questions.modules():
        figures |= draw(question, by_name, note)
    for name, figure in figures.items():
        for kind, without in (("png", "Software"), ("pdf", "CreationDate")):
            drawn = io.BytesIO()
            figure.savefig(drawn, format=kind, dpi=150, metadata={without: None})
            write_file(folder / "figures" / f"{name}.{kind}", drawn.getbuffer())
    return [folder / "figures" / f"{name}.png" for name in figures]


def small_png(figure: "Figure", dpi: int = 80, colours: int = 128) -> bytes:
    """A figure as PNG with few colours, a third of the usual size: for notebooks that are committed."""
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=dpi)
    Image.open(full).convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
    return small.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Write the figures of the named folders, or of all that have tables; prints their paths.

    A folder whose tables cannot be read does not stop the others. The exit code is 0; 2 if folders are missing or
    unreadable; 1 if a question failed.
    """
    return exits.exit_code(lambda: _main(arguments))


def _main(arguments: list[str] | None) -> int:
    about = "Write the figures of the named folders, or of all that have tables; prints their paths."
    parser = argparse.ArgumentParser(prog="python -m campaign.analysis.figures", description=about)
    parser.add_argument(
        "folders", nargs="*", help='such as "mnist" or "pixels/mnist"; default: all in the output folder'
    )
    parser.add_argument("--output-dir", default="results", help="where campaigns write (default: results)")
    flags = parser.parse_args(arguments)
    root = Path(flags.output_dir)
    questions.failed.clear()
    names = [str(folder.relative_to(root)) for folder in tables.folders(root)]
    missing = [name for name in flags.folders if name not in names]
    if missing:
        raise ConfigError(f"no tables in {root / missing[0]}: run a campaign first{nearest(missing[0], names)}")
    codes = [_save(root / name) for name in flags.folders or names]
    return max(codes, default=0) or (1 if questions.failed else 0)


def _save(folder: Path) -> int:
    """Write the figures of a folder and print their paths; 2, and a sentence, if its tables cannot be read."""
    try:
        for path in save_all(folder):
            say(str(path))
    except ConfigError as error:
        complain(f"error: {error}")
        return exits.WRONG
    return 0


if __name__ == "__main__":
    sys.exit(main())
