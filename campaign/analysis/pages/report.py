"""report.html: all that a results folder says, on one page that needs no network and no other file.

    python -m campaign.analysis.pages.report FOLDER ...

writes the page of each folder from the tables in it. A launcher does this in a process of its own, because it must not
wait for drawings.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from campaign.analysis import figures, tables
from campaign.analysis.figures import FiguresOf
from campaign.analysis.pages import answers, curves, origin
from campaign.analysis.pages.render import Page, Section
from campaign.machine import exits
from campaign.store import campaign_file
from campaign.store.completeness import completeness
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.files.atomic import write_file

NAME = "report.html"
LEAST = 19
"""The lowest priority of a process."""


def write(folder: Path, figures_of: FiguresOf | None = None) -> Path:
    """Write report.html of a results folder, from its tables, and return its path.

    `figures_of`: the result of `figures.drawer` for this folder, where it is needed elsewhere too. Raises ConfigError
    if this is no results folder or its tables cannot be read, and CannotWrite.
    """
    folder = Path(folder)
    if not (folder / "runs").is_dir() and not (folder / campaign_file.NAME).is_file():
        raise ConfigError(f"no results in {folder}: run a campaign first")
    write_file(folder / NAME, page(folder, figures_of).html())
    return folder / NAME


def page(folder: Path, figures_of: FiguresOf | None = None) -> Page:
    """The page of a results folder; `figures_of`: see `write`."""
    store, complete = Store(folder), completeness(folder)
    under_way, sections = origin.under_way(store), []
    if answers.files_of(folder):
        by_name = tables.read(folder)
        sections = _sections(store, by_name, figures_of or figures.drawer(folder))
    made_by = [outline["provenance"] for outline in store.outlines().values()]
    parts = [under_way, origin.failures(store), *sections, origin.provenance(folder, made_by)]
    written = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    stopped = origin.stopped(folder) if under_way is None else ""
    lines = [f"{complete}.", *([stopped] if stopped else []), f"Written {written} from the files in {folder}."]
    return Page(_title(folder), lines, [part for part in parts if part is not None], live=under_way is not None)


def _sections(store: Store, by_name: answers.Tables, figures_of: FiguresOf) -> list[Section | None]:
    """The sections that need tables."""
    numbered = answers.Numbered()
    return [
        *answers.of_questions(by_name, figures_of, numbered),
        curves.section(by_name, store.result, store.folder, numbered),
        answers.of_tables(by_name),
    ]


def _title(folder: Path) -> str:
    """The names of the output folder and of the dataset."""
    return "/".join(folder.resolve().parts[-2:])


def main(arguments: list[str]) -> int:
    """Write the pages of these folders. Returns the exit code."""
    return exits.exit_code(lambda: _main(arguments))


def _main(folders: list[str]) -> int:
    for folder in folders:
        write(Path(folder))
    return 0


if __name__ == "__main__":
    os.nice(LEAST)  # whatever else runs comes first
    sys.exit(main(sys.argv[1:]))
