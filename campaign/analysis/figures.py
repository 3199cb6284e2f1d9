"""The figures of results folders, drawn from their tables alone, for a paper.

    python -m campaign.analysis.figures [--output-dir results] [--width single|double] [folder ...]

writes each figure as PNG, PDF and SVG under <output_dir>/<folder>/figures/, and its caption as <figure>.txt. What is
drawn is up to the questions in `campaign/analysis/questions/`; names are those of labels.toml, here and in the folder.
"""

import argparse
import functools
import io
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import panels, questions, reading, style, tables
from campaign.machine import exits
from campaign.machine.console import complain, say
from campaign.store import run_file
from campaign.store.completeness import completeness
from nnet.checks import ConfigError, nearest
from nnet.files.atomic import write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FiguresOf = Callable[[str], "dict[str, Figure]"]
"""Gives the figures of a question by name."""
KINDS = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
"""The formats of files, and what is left out of them, so that equal figures are equal files."""


def draw(
    question: str, by_name: dict[str, pd.DataFrame], note: str = "", folder: Path | None = None, width: str = "double"
) -> "dict[str, Figure]":
    """The figures of one question by name; `campaign.analysis.panels.caption` gives the caption of each.

    `by_name`: the tables of a results folder, as `campaign.analysis.tables.read` returns them; `note`: how complete it
    is, for the caption; `folder`: where the table of names (labels.toml) and the order of panels are from. {} if the
    question raises an exception, which is printed once. Raises ConfigError for a wrong labels.toml.
    """
    look = style.of_folder(folder, width, by_name["results_per_run"])
    return questions.answer(question, lambda: _drawn(question, by_name, note, look), {})


def _drawn(question: str, by_name: dict[str, pd.DataFrame], note: str, look: style.Style) -> "dict[str, Figure]":
    from campaign.analysis.fitting import fit

    module = questions.modules()[question]
    with style.used(look):
        figures = module.figures(by_name)
        for figure in figures.values():
            fit(figure)
            about = panels.caption(figure) or f"{(module.__doc__ or question).splitlines()[0]}."
            figure.set_label(f"{about} Completeness: {note}." if note else about)
    return figures


def drawer(folder: Path, width: str = "double") -> FiguresOf:
    """A function that draws the figures of a question from a results folder as it is now, as `draw` does, each once.

    `width`: for one column of a paper, `single`, or two, `double`.
    """
    by_name, note = tables.read(folder), completeness(folder)
    return functools.cache(lambda question: draw(question, by_name, note, folder, width))


def save_all(folder: Path, command: str = "", figures_of: FiguresOf | None = None) -> list[Path]:
    """Write the figures of a results folder and their captions under `folder`/figures; returns the paths of the PNGs.

    `command`: what draws them, for the captions; `figures_of`: the result of `drawer`, by default for two columns.
    """
    figures_of = figures_of or drawer(folder)
    figures = {name: figure for question in questions.modules() for name, figure in figures_of(question).items()}
    origin = _origin(folder)
    for name, figure in figures.items():
        for kind in KINDS:
            write_file(folder / "figures" / f"{name}.{kind}", rendered(figure, kind))
        drawn_by = f"\nCommand of the figure: {command}" if command else ""
        lines = [textwrap.fill(panels.caption(figure), 120), drawn_by, origin]
        write_file(folder / "figures" / f"{name}.txt", "".join(f"{line}\n" for line in lines if line).encode())
    return [folder / "figures" / f"{name}.png" for name in figures]


def rendered(figure: "Figure", kind: str) -> bytes:
    """A figure of `draw` as the bytes of a PNG, PDF or SVG file, with letters as text."""
    file = io.BytesIO()
    with style.used(style.Style()):
        figure.savefig(file, format=kind, metadata=KINDS[kind])
    return file.getvalue()


def _origin(folder: Path) -> str:
    """The commit that made the runs, and the command where the run file states it."""
    per_run = reading.read(folder / "results_per_run.csv")
    if per_run.empty:
        return ""
    made = run_file.read(folder / "runs" / f"{per_run['run_id'].iloc[0]}.json")["provenance"]
    stated = {"Commit of the runs": made.get("git_commit"), "Command of the runs": made.get("command")}
    if (folder / "makers.txt").is_file():
        return "Commits of the runs: see makers.txt"
    return "\n".join(f"{name}: {value}" for name, value in stated.items() if value)


def small_png(figure: "Figure", dpi: int = 110, colours: int = 128) -> bytes:
    """A figure as PNG with few colours, a third of the usual size: for notebooks that are committed."""
    from PIL import Image

    full, small = io.BytesIO(), io.BytesIO()
    with style.used(style.Style()):
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
    parser.add_argument(
        "--width", choices=[*style.WIDTHS], default="double", help="for one or two columns of a paper (default: double)"
    )
    flags = parser.parse_args(arguments)
    root = Path(flags.output_dir)
    questions.failed.clear()
    names = [str(folder.relative_to(root)) for folder in tables.folders(root)]
    missing = [name for name in flags.folders if name not in names]
    if missing:
        raise ConfigError(f"no tables in {root / missing[0]}: run a campaign first{nearest(missing[0], names)}")
    codes = [_save(root, name, flags.width) for name in flags.folders or names]
    return max(codes, default=0) or (1 if questions.failed else 0)


def _save(root: Path, name: str, width: str) -> int:
    """Write the figures of a folder and print their paths; 2, and a sentence, if something in it cannot be read."""
    words = ["python -m campaign.analysis.figures", name, f"--output-dir {root}", f"--width {width}"]
    try:
        for path in save_all(root / name, " ".join(words), drawer(root / name, width)):
            say(str(path))
    except ConfigError as error:
        complain(f"error: {error}")
        return exits.WRONG
    return 0


if __name__ == "__main__":
    sys.exit(main())
