"""Which code, libraries and machines made results: a note where several of them meet in one folder."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from nnet.files.atomic import write_file, writing
from nnet.record import own_code

NAMES = (
    *("git_commit", "git_dirty", "python", "torch", "torchvision", "numpy"),
    *("cpu_model", "cpu_capability", "threads", "device", "NNET_PLAIN"),
)
"""The entries of the provenance in a run file that may change results."""
OWN_CODE = "own_code"
"""The entry with the hashes of the user's files: results of different plug-ins do not differ in it by that alone."""
COLUMNS = (*NAMES, OWN_CODE)
FILE = "makers.txt"
LISTED = 5
DIGITS = 8
"""Of a hash, as it is shown."""


def columns_of(run: Mapping) -> dict:
    """The provenance of a run's training by name; `measured_<name>` where its measurements have another one."""
    columns = {}
    for name, value, *measured in zip(COLUMNS, *all_of(run), strict=True):
        others = dict.fromkeys(str(other) for other in measured if other != value)
        columns |= {name: value} | ({f"measured_{name}": ", ".join(others)} if others else {})
    return columns


def all_of(run: Mapping) -> list[tuple]:
    """The makers of a run's training and measurements, each once: the values of `COLUMNS`."""
    of_measurements = (about for measurement in run["measurements"] for about in measurement["provenance"])
    return list(dict.fromkeys(map(_of, [run["provenance"], *of_measurements])))


def note(makers_of_runs: Iterable[Iterable[tuple]]) -> str:
    """What made these runs, training and measurements, where it is not the same for all; "" where it is.

    `makers_of_runs`: the result of `all_of` for each run.
    """
    made_by = Counter(map(tuple, makers_of_runs))
    if len(set().union(*made_by)) < 2:
        return ""
    lines = _different_files(made_by)
    for place, name in enumerate(NAMES):
        counts: Counter[str] = Counter()
        for makers, count in made_by.items():
            counts.update(dict.fromkeys((str(maker[place]) for maker in makers), count))
        if len(counts) > 1:
            lines.append(f"  {name}: {_listed(counts)}")
    if not lines:
        return ""
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
    files = sorted(own_code.names(provenance.get(OWN_CODE, {})))
    return *map(provenance.get, NAMES), ", ".join(f"{name} {sha256[:DIGITS]}" for name, sha256 in files) or None


def _different_files(made_by: Mapping[tuple, int]) -> list[str]:
    """A line for each of the user's files that is not the same for all of these makers."""
    files: dict[str, Counter[str]] = {}
    for makers, count in made_by.items():
        for file in {file for *_, own in makers if own for file in own.split(", ")}:
            files.setdefault(file.rpartition(" ")[0], Counter())[file] += count
    return [f"  {OWN_CODE}: {_listed(counts)}" for _, counts in sorted(files.items()) if len(counts) > 1]


def _listed(counts: Mapping[str, int]) -> str:
    """The most frequent values, each with its number of runs."""
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:LISTED]
    further = [f"{len(counts) - LISTED} more"] if len(counts) > LISTED else []
    return ", ".join([*(f"{value} ({count} runs)" for value, count in most), *further])
