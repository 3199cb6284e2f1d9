"""The tables of one dataset's results, derived from the run files alone."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import pandas as pd

from campaign.analysis import questions
from campaign.analysis.labels import DEFAULTS, YOUNGER, varied
from campaign.analysis.statistics import standard_error
from campaign.grid.names import canonical
from campaign.store import run_file
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.atomic import write_file

FILE_ONLY = ("diverged_epoch", "sweep", "history", "events", "config", "provenance", "sha256")
PER_RUN = (
    "run_id dataset architecture regime seed alpha_train noise_model activation p epochs acc_0 acc_01 drop_at_01 "
    "test_loss train_loss status train_seconds sweep_seconds"
).split()
MEASURED = "acc_0 acc_01 drop_at_01 test_loss train_loss train_seconds sweep_seconds".split()
SWEEP = (
    "run_id dataset architecture regime seed alpha_train activation p alpha_test noise_samples acc acc_std loss drop"
).split()
CELL = "dataset architecture regime alpha_train noise_model activation p alpha_test".split()
MEANS = "n_seeds n_diverged mean_acc std_acc stderr_acc mean_drop std_drop stderr_drop mean_loss stderr_loss".split()
SUMMARY = [*CELL, *MEANS]
NAMES = ("results_per_run", "sweep", "results_summary")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
CONFIG_NAMES = {"architecture": "arch"}
GAUSSIAN = "gaussian"
"""The evaluation of the sweep over weight noise; tables name evaluations only if some run has further ones."""


def write(store: Store) -> dict[str, pd.DataFrame]:
    """Write results_per_run.csv, sweep.csv, results_summary.csv, results.json, and what questions add.

    Each file is replaced as a whole. Returns the tables by name.
    """
    tables = build(list(store.results().values()), reference_of(store.folder))
    for name, table in tables.items():
        write_file(store.folder / f"{name}.csv", table.map(_no_formula).to_csv(index=False).encode())
    records = {name: _records(tables[name]) for name in NAMES}
    write_file(store.folder / "results.json", f"{json.dumps(records, indent=1, allow_nan=False)}\n".encode())
    for name, text in questions.texts(tables).items():
        write_file(store.folder / name, text.encode())
    return tables


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a results folder by name: results_per_run, sweep, results_summary, and those of questions."""
    names = [*NAMES, *(name for name in questions.table_names() if (Path(folder) / f"{name}.csv").exists())]
    return {name: pd.read_csv(Path(folder) / f"{name}.csv") for name in names}


def build(results: list[dict], reference: Mapping[str, object] = questions.REFERENCE) -> dict[str, pd.DataFrame]:
    """The tables by name, from results of runs; a question adds its tables if there are runs for them."""
    runs = runs_of(results, reference)
    return dict(zip(NAMES, (runs.per_run, runs.sweep, runs.summary), strict=True)) | questions.tables(runs)


def runs_of(results: list[dict], reference: Mapping[str, object] = questions.REFERENCE) -> questions.Runs:
    """The results in a fixed order, with the three tables of every campaign.

    If the runs differ in a setting that is not a key of the summary (epochs, batch size, …), that setting becomes a
    further column of results_per_run and results_summary: such runs are never averaged together.
    """
    results = sorted(results, key=_order)
    further = further_settings(results)
    tables = (_per_run(results, further), _sweep(results), _summary(results, further))
    return questions.Runs(results, *tables, reference)


def reference_of(folder: Path) -> Mapping[str, object]:
    """What the folder's latest campaign compares its runs with, from campaign.json; by default the regime clean."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        reference = json.loads((Path(folder) / "campaign.json").read_text())["reference"]
        if isinstance(reference, dict) and len(reference) == 1:
            return reference
    return questions.REFERENCE


def folders(results_dir: Path, dataset: str | None = None) -> list[Path]:
    """The folders with tables under `results_dir`, each study's in the order of their names.

    With `dataset`, those of this dataset, and those of studies that have no results for it. Raises ConfigError if
    `results_dir` has no tables, or none of the dataset.
    """
    every = sorted(path.parent for path in Path(results_dir).rglob("results_summary.csv"))
    if not every:
        raise ConfigError(f"no tables in {results_dir}: run a campaign first")
    if dataset is None:
        return every
    with_dataset = {folder.parent for folder in every if folder.name == dataset}
    if not with_dataset:
        names = sorted({folder.name for folder in every})
        raise ConfigError(f"no tables of {dataset!r} in {results_dir}; choose from {names}")
    studies = [folder for folder in every if folder.parent not in {Path(results_dir), *with_dataset}]
    return [folder for folder in every if folder.name == dataset] + studies


def of(table: pd.DataFrame, evaluation: str = GAUSSIAN) -> pd.DataFrame:
    """The rows of one evaluation in sweep.csv or results_summary.csv, without the column that names it."""
    if "evaluation" not in table:
        return table if evaluation == GAUSSIAN else table.iloc[:0]
    return table[table["evaluation"] == evaluation].drop(columns="evaluation").reset_index(drop=True)


def load(
    results_dir: Path, where: Mapping[str, object] | None = None, configs: Iterable[TrainConfig] | None = None
) -> pd.DataFrame:
    """A row per finished run anywhere under `results_dir` that has all settings of `where`.

    Its columns: those of results_per_run.csv, every field of its configuration (`options` as a dict), and every option
    that some run sets (None where a run does not set it). `where` takes the words of TrainConfig, of the columns, and
    their older forms (`p` or `ps`). With `configs`, only the runs of this list. Raises ConfigError for an unknown name
    in `where`, if there is no such run, and if a run of `configs` is missing.
    """
    rows = _runs_in(Path(results_dir), configs)
    names = list(dict.fromkeys(name for row in reversed(rows) for name in row))
    where = {name if name in names else canonical(name): value for name, value in (where or {}).items()}
    for name, value in where.items():
        if rows and name not in names:
            raise ConfigError(f"no run in {results_dir} has a setting {name!r}; choose from {sorted(names)}")
        rows = [row for row in rows if row.get(name) == value]
    if not rows:
        settings = " and ".join(f"{name} = {value}" for name, value in where.items())
        raise ConfigError(f"{results_dir} has no finished run{f' with {settings}' if settings else ''}")
    return pd.DataFrame(rows, columns=names)


def with_settings(sweep: pd.DataFrame, per_run: pd.DataFrame) -> pd.DataFrame:
    """The rows of sweep.csv, with a column for every setting in which the runs of results_per_run.csv differ.

    `noise_samples`, which is 1 at α_test = 0, becomes the run's setting; it is left out if all runs have the same.
    """
    fields = {field.name for field in dataclasses.fields(TrainConfig)} - set(SWEEP) | {"noise_samples"}
    settings = varied(per_run, fields)
    return sweep.drop(columns="noise_samples").merge(per_run[["run_id", *settings]], on="run_id")


def further_settings(results: list[dict]) -> list[str]:
    """The science fields, beyond the keys of the summary and the seed, in which these runs differ.

    Fields of `YOUNGER` are included if they are not at their default.
    """
    keys = {CONFIG_NAMES.get(name, name) for name in CELL} | {"seed"}
    names = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in keys]
    names += sorted({name for result in results for name in result["config"]} - set(names) - keys)
    values = {name: {_setting(result, name) for result in results} for name in names}
    usual = {name: {default} for name, default in YOUNGER.items()}
    return [name for name in names if len(values[name]) > 1 or values[name] - usual.get(name, values[name])]


def _runs_in(results_dir: Path, configs: Iterable[TrainConfig] | None) -> list[dict]:
    """The finished runs under a folder, or those of `configs`, each with its columns, settings and options."""
    rows, paths = [], sorted(results_dir.rglob("runs/*.json"))
    if configs is not None:
        wanted = {config.run_id for config in configs}
        paths = [path for path in paths if path.stem in wanted]
        if len(paths) < len(wanted):
            raise ConfigError(f"{len(wanted) - len(paths)} of {len(wanted)} runs are not in {results_dir}")
    for path in paths:
        result = run_file.read(path)
        settings = {name: result["config"].get(name, default) for name, default in DEFAULTS.items()} | result["config"]
        row = {name: value for name, value in result.items() if name not in FILE_ONLY}
        rows.append(settings["options"] | row | settings)
    return rows


def _no_formula(cell: object) -> object:
    """A cell; text that a spreadsheet would read as a formula gets a quote in front."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _records(table: pd.DataFrame) -> list[dict]:
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _order(result: dict) -> tuple:
    keys = ("dataset", "architecture", "activation", "p", "regime", "alpha_train", "seed", "run_id")
    return tuple(result[key] for key in keys)


def _setting(result: dict, name: str) -> object:
    value = result["config"].get(name, YOUNGER.get(name))
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value


def _per_run(results: list[dict], further: list[str]) -> pd.DataFrame:
    rows = [
        {name: value for name, value in result.items() if name not in FILE_ONLY}
        | {name: _setting(result, name) for name in further}
        for result in results
    ]
    added = list(dict.fromkeys(name for row in rows for name in row if name not in PER_RUN))
    return pd.DataFrame(rows, columns=[*PER_RUN, *added]).astype(dict.fromkeys(MEASURED, float))


def _sweep(results: list[dict]) -> pd.DataFrame:
    rows = [{name: result.get(name) for name in SWEEP} | row for result in results for row in result["sweep"]]
    if not any("evaluation" in row for row in rows):
        return pd.DataFrame(rows, columns=SWEEP)
    return pd.DataFrame(rows, columns=[*SWEEP, "evaluation", "acc_min"]).fillna({"evaluation": GAUSSIAN})


def _summary(results: list[dict], further: list[str]) -> pd.DataFrame:
    strengths = _strengths(results)
    named = ["evaluation"] if any(strengths.values()) else []
    keys = [*CELL, *named, *further]
    rows = []
    for result in results:
        cell = {name: result.get(name) for name in CELL} | {name: _setting(result, name) for name in further}
        cell |= {"evaluation": GAUSSIAN, "diverged": not result["sweep"]}
        rows += [cell | row for row in result["sweep"] or _not_measured(result, strengths)]
    columns = [*keys, "diverged", "acc", "drop", "loss"]
    cells = pd.DataFrame(rows, columns=columns).astype({name: float for name in ("acc", "drop", "loss")})
    grouped = cells.groupby(keys, sort=True, dropna=False)
    summary = pd.DataFrame({"n_seeds": grouped["acc"].count(), "n_diverged": grouped["diverged"].sum()})
    for name in ("acc", "drop", "loss"):
        summary[f"mean_{name}"] = grouped[name].mean()
        summary[f"std_{name}"] = grouped[name].std()
        summary[f"stderr_{name}"] = standard_error(summary[f"std_{name}"], grouped[name].count())
    return summary.reset_index()[[*SUMMARY, *named, *further]]


def _strengths(results: list[dict]) -> dict[tuple[str, ...], set[tuple[str, float]]]:
    """The pairs (evaluation, strength) at which runs were measured, by the evaluations of these runs."""
    strengths: dict[tuple[str, ...], set[tuple[str, float]]] = {}
    for result in results:
        rows = [row for row in result["sweep"] if "evaluation" in row]
        strengths.setdefault(_evaluations(result), set()).update((row["evaluation"], row["alpha_test"]) for row in rows)
    return strengths


def _evaluations(result: dict) -> tuple[str, ...]:
    return tuple(result["config"].get("evaluations", YOUNGER["evaluations"]))


def _not_measured(diverged: dict, strengths: dict[tuple[str, ...], set[tuple[str, float]]]) -> list[dict]:
    """The strengths at which a diverged run would have been measured, as far as other runs show them."""
    named = sorted(strengths[_evaluations(diverged)])
    rows = [{"evaluation": evaluation, "alpha_test": strength} for evaluation, strength in named]
    return [{"alpha_test": alpha} for alpha in diverged["config"]["alpha_tests"]] + rows
