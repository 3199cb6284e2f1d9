"""The tables of one dataset's results, derived from the run files alone."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from campaign.analysis import columns, excerpts, makers, questions, reading, rows, writing
from campaign.analysis.excerpts import Excerpt
from campaign.analysis.labels import SETTINGS, varied
from campaign.grid.settings import RESOLUTION
from campaign.store import campaign_file
from campaign.store.folder import Store
from nnet.checks import ConfigError, nearest
from nnet.evaluations.parts.wanted import WEIGHT_NOISE
from nnet.files.atomic import write_chunks, write_file

NAMES = ("results_per_run", "sweep", "results_summary")
Read = Callable[[str], dict | None]


def write(store: Store) -> dict[str, pd.DataFrame]:
    """Write results_per_run.csv, sweep.csv, results_summary.csv, results.json, COLUMNS.md, and what questions add.

    Also makers.txt, where runs have different makers. Each file is replaced as a whole. Returns the tables by name.
    """
    results = store.results()
    found = excerpts.of(results.values())
    tables = made(found, results.get, reference_of(store.folder), resolution_of(store.folder))
    save(store.folder, tables, found)
    return tables


def save(folder: Path, tables: dict[str, pd.DataFrame], runs: Iterable[Excerpt]) -> list[str]:
    """Write the files of these tables of runs; returns their names."""
    texts = {"COLUMNS.md": columns.page(tables), **questions.texts(tables)}
    for name, table in tables.items():
        write_chunks(folder / f"{name}.csv", writing.csv_of(table))
    write_chunks(folder / "results.json", writing.json_of({name: tables[name] for name in NAMES}))
    makers.keep(folder, (run.shape.makers for run in runs))
    for name, text in texts.items():
        write_file(folder / name, text.encode())
    return [*(f"{name}.csv" for name in tables), "results.json", makers.FILE, *texts]


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a results folder by name: results_per_run, sweep, results_summary, and those of questions.

    Raises ConfigError for tables that cannot be read or that another version of this program wrote.
    """
    names = [*NAMES, *(name for name in questions.table_names() if (Path(folder) / f"{name}.csv").exists())]
    tables = {name: reading.read(Path(folder) / f"{name}.csv") for name in names}
    for name, expected in zip(NAMES, (rows.PER_RUN, rows.SWEEP, rows.SUMMARY), strict=True):
        if not {*expected} <= {*tables[name]}:
            raise ConfigError(f"{folder} holds tables of another version of this program: move that folder away")
    return tables


def build(results: Iterable[dict], reference: Mapping[str, object] = questions.REFERENCE) -> dict[str, pd.DataFrame]:
    """The tables by name, from results of runs; a question adds its tables if there are runs for them."""
    results = list(results)
    return made(excerpts.of(results), _reader(results), reference)


def made(
    found: Iterable[Excerpt], read: Read, reference: Mapping[str, object], resolution: float = RESOLUTION
) -> dict[str, pd.DataFrame]:
    """The same from excerpts of runs; `read`: gives the content of a run file by run_id, None without one."""
    runs = runs_from(found, read, reference, resolution)
    return dict(zip(NAMES, (runs.per_run, runs.sweep, runs.summary), strict=True)) | questions.tables(runs)


def runs_of(results: Iterable[dict], reference: Mapping[str, object] = questions.REFERENCE) -> questions.Runs:
    """The results in a fixed order, with the three tables of every campaign; see `runs_from`."""
    results = list(results)
    return runs_from(excerpts.of(results), _reader(results), reference)


def runs_from(
    found: Iterable[Excerpt], read: Read, reference: Mapping[str, object], resolution: float = RESOLUTION
) -> questions.Runs:
    """The runs of these excerpts in a fixed order, with the three tables of every campaign.

    If networks differ in a training setting that is not a key of the summary (epochs, batch size, …), that setting
    becomes a further column of results_per_run and results_summary: such networks are never averaged together.
    """
    ordered = rows.in_order(found)
    shapes = list(dict.fromkeys(excerpt.shape for excerpt in ordered))
    settings = rows.further_settings([shape.training for shape in shapes])
    further = dict(zip(shapes, settings, strict=True))
    sweep = rows.sweep(ordered)
    summary = rows.summary(ordered, further, sweep)
    return questions.Runs(ordered, read, rows.per_run(ordered, further), sweep, summary, reference, resolution)


def reference_of(folder: Path) -> Mapping[str, object]:
    """What the folder's latest campaign compares its runs with, from campaign.json; by default the regime clean."""
    reference = campaign_file.read(folder).get("reference", {})
    return reference if len(reference) == 1 else questions.REFERENCE


def resolution_of(folder: Path) -> float:
    """The half-width of an interval for which the folder's latest campaign counts missing seeds, percentage points."""
    resolution = campaign_file.read(folder).get("resolution", RESOLUTION)
    return min(max(resolution, 0.001), 100)


def folders(results_dir: Path, dataset: str | None = None) -> list[Path]:
    """The folders with tables under `results_dir`, or those of one dataset among them, in the order of their names.

    Raises ConfigError if `results_dir` has no tables, or none of the dataset.
    """
    every = sorted(path.parent for path in Path(results_dir).rglob("results_summary.csv"))
    if not every:
        raise ConfigError(f"no tables in {results_dir}: run a campaign first")
    found = [folder for folder in every if dataset in (None, folder.name)]
    if not found:
        names = sorted({folder.name for folder in every})
        choices = f"choose from {names}{nearest(dataset, names)}"
        raise ConfigError(f"no tables of {dataset!r} in {results_dir}; {choices}")
    return found


def newest(results_dir: Path) -> Path:
    """The folder under `results_dir` whose tables were written last. Raises ConfigError if it has no tables."""
    return max(folders(results_dir), key=lambda folder: (folder / "results_summary.csv").stat().st_mtime_ns)


def of(table: pd.DataFrame, evaluation: str = WEIGHT_NOISE) -> pd.DataFrame:
    """The rows of one evaluation in sweep.csv or results_summary.csv, without the column that names it."""
    return table[table["evaluation"] == evaluation].drop(columns="evaluation").reset_index(drop=True)


def further_evaluations(table: pd.DataFrame) -> list[str]:
    """The evaluations in sweep.csv or results_summary.csv other than weight noise, in alphabetical order."""
    return sorted({*table["evaluation"]} - {WEIGHT_NOISE})


def with_settings(sweep: pd.DataFrame, per_run: pd.DataFrame) -> pd.DataFrame:
    """The rows of sweep.csv, with a column for every training setting in which the networks of per_run differ.

    `sweep`: all its rows, or those of one evaluation; columns that an evaluation adds are left out.
    """
    settings = varied(per_run, SETTINGS - {*rows.SWEEP})
    return sweep[[name for name in rows.SWEEP if name in sweep]].merge(per_run[["run_id", *settings]], on="run_id")


def _reader(results: list[dict]) -> Read:
    return {result["run_id"]: result for result in results}.get
