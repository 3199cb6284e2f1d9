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
from campaign.machine.console import say
from campaign.store.folder import completeness
from nnet.checks import ConfigError, nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(question: str, by_name: dict[str, pd.DataFrame], note: str = "") -> "dict[str, Figure]":
    """The figures of one question by name, each with the note on completeness in its title.

    `by_name`: the tables of a results folder, as `campaign.analysis.tables.read` returns them.
    """
    figures = questions.modules()[question].figures(by_name)
    return {name: panels.add_note(figure, note) for name, figure in figures.items()}


def save_all(folder: Path) -> list[Path]:
    """Draw the figures of a results folder as PNG and PDF under `folder`/figures; returns the paths of the PNGs."""
    by_name, note = tables.read(folder), completeness(folder)
    figures: dict[str, Figure] = {}
    for question in questions.modules():
        figures |= draw(question, by_name, note)
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=150, metadata={"Software": None})
        figure.savefig(folder / "figures" / f"{name}.pdf", metadata={"CreationDate": None})
    return [folder / "figures" / f"{name}.png" for name in figures]


def small_png(figure: "Figure", dpi: int = 80, colours: int = 128) -> bytes:
    """A figure as PNG with few colours, a third of the usual size: for notebooks that are committed."""
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    figure.savefig(full, format="png", dpi=dpi)
    Image.open(full).convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE).save(small, "png", optimize=True)
    return small.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Write the figures of the named folders, or of all that have tables; prints their paths."""
    return exits.exit_code(lambda: _main(arguments))


def _main(arguments: list[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="python -m campaign.analysis.figures", description=main.__doc__)
    parser.add_argument(
        "folders", nargs="*", help='such as "mnist" or "pixels/mnist"; default: all in the output folder'
    )
    parser.add_argument("--output-dir", default="results", help="where campaigns write (default: results)")
    flags = parser.parse_args(arguments)
    root = Path(flags.output_dir)
    names = [str(folder.relative_to(root)) for folder in tables.folders(root)]
    missing = [name for name in flags.folders if name not in names]
    if missing:
        raise ConfigError(f"no tables in {root / missing[0]}: run a campaign first{nearest(missing[0], names)}")
    for name in flags.folders or names:
        for path in save_all(root / name):
            say(str(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
