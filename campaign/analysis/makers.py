"""Which code, libraries and machines made results: a note where several of them meet in one folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from nnet.files.atomic import write_file, writing

NAMES = (
    *("git_commit", "git_dirty", "python", "torch", "torchvision", "numpy"),
    *("cpu_model", "cpu_capability", "threads", "device", "NNET_PLAIN"),
)
"""The entries of the provenance in a run file that may change results."""
FILE = "makers.txt"
LISTED = 5


def columns_of(run: Mapping) -> dict:
    """The provenance of a run's training by name; `measured_<name>` where its measurements have another one."""
    columns = {}
    for name, value, *measured in zip(NAMES, *all_of(run), strict=True):
        others = dict.fromkeys(str(other) for other in measured if other != value)
        columns |= {name: value} | ({f"measured_{name}": ", ".join(others)} if others else {})
    return columns


def all_of(run: Mapping) -> list[tuple]:
    """The makers of a run's training and measurements, each once: the values of `NAMES`."""
    of_measurements = (about for measurement in run["measurements"] for about in measurement["provenance"])
    return list(dict.fromkeys(map(_of, [run["provenance"], *of_measurements])))


def note(makers_of_runs: Iterable[Iterable[tuple]]) -> str:
    """What made these runs, training and measurements, where it is not the same for all; "" where it is.

    `makers_of_runs`: the result of `all_of` for each run.
    """
    made_by = Counter(map(tuple, makers_of_runs))
    if len(set().union(*made_by)) < 2:
        return ""
    lines = []
    for place, name in enumerate(NAMES):
        counts: Counter[str] = Counter()
        for makers, count in made_by.items():
            counts.update(dict.fromkeys((str(maker[place]) for maker in makers), count))
        if len(counts) > 1:
            most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:LISTED]
            listed = [f"{value} ({count} runs)" for value, count in most]
            further = [f"{len(counts) - LISTED} more"] if len(counts) > LISTED else []
            lines.append(f"  {name}: {', '.join(listed + further)}")
    title = "these tables mix results of different makers; `campaign.load` has a column for each entry"
    return "\n".join([title, *lines]) + "\n"


def keep(folder: Path, makers_of_runs: Iterable[Iterable[tuple]]) -> None:
    """Write the note into a results folder, for figures and reports; without a note, delete the file."""
    text = note(makers_of_runs)
    if text:
        write_file(folder / FILE, text.encode())
    else:
        with writing(folder):
            (folder / FILE).unlink(missing_ok=True)


def kept(folder: Path) -> str:
    """The note in a results folder; "" without one."""
    path = Path(folder) / FILE
    return path.read_text(errors="replace").strip() if path.is_file() else ""


def _of(provenance: Mapping) -> tuple:
    return tuple(map(provenance.get, NAMES))
