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
    own, columns = _of(run["provenance"]), {}
    for name, value, *measured in zip(NAMES, own, *_of_measurements(run), strict=True):
        others = dict.fromkeys(str(other) for other in measured if other != value)
        columns |= {name: value} | ({f"measured_{name}": ", ".join(others)} if others else {})
    return columns


def note(runs: Iterable[Mapping]) -> str:
    """What made these runs, training and measurements, where it is not the same for all; "" where it is."""
    made_by = Counter(frozenset([_of(run["provenance"]), *_of_measurements(run)]) for run in runs)
    if len(set().union(*made_by)) < 2:
        return ""
    lines = []
    for place, name in enumerate(NAMES):
        counts: Counter[str] = Counter()
        for makers, count in made_by.items():
            counts.update(dict.fromkeys({str(maker[place]) for maker in makers}, count))
        if len(counts) > 1:
            listed = [f"{value} ({count} runs)" for value, count in counts.most_common(LISTED)]
            further = [f"{len(counts) - LISTED} more"] if len(counts) > LISTED else []
            lines.append(f"  {name}: {', '.join(listed + further)}")
    title = "these tables mix results of different makers; `campaign.load` has a column for each entry"
    return "\n".join([title, *lines]) + "\n"


def keep(folder: Path, runs: Iterable[Mapping]) -> None:
    """Write the note into a results folder, for figures and reports; without a note, delete the file."""
    text = note(runs)
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


def _of_measurements(run: Mapping) -> set[tuple]:
    return {_of(about) for measurement in run["measurements"] for about in measurement["provenance"]}
