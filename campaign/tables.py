"""The tables of one dataset's results, derived from the run files alone."""

import dataclasses
import json
from collections.abc import Container
from pathlib import Path

import pandas as pd

from campaign import epochs
from campaign.statistics import standard_error
from campaign.store import Store
from nnet.atomic import write_file
from nnet.config import TrainConfig

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
SUMMARY = [
    *CELL,
    *"n_seeds n_diverged mean_acc std_acc stderr_acc mean_drop std_drop stderr_drop mean_loss stderr_loss".split(),
]
NAMES = ("results_per_run", "sweep", "results_summary")
WATCHED = ("epochs", "differences")
"""Further tables, of folders in which some run has validation images."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
CONFIG_NAMES = {"architecture": "arch"}
YOUNGER = {field.name: field.default for field in dataclasses.fields(TrainConfig) if field.metadata.get("younger")}
"""Settings that stand in a run's configuration only where they are not at their default."""


def write(store: Store) -> dict[str, pd.DataFrame]:
    """Write results_per_run.csv, sweep.csv, results_summary.csv and results.json, each replaced as a whole.

    And epochs.csv and differences.csv where some run has validation images.
    """
    tables = build(list(store.results().values()))
    for name, table in tables.items():
        write_file(store.folder / f"{name}.csv", table.map(_no_formula).to_csv(index=False).encode())
    records = {name: _records(tables[name]) for name in NAMES}
    write_file(store.folder / "results.json", f"{json.dumps(records, indent=1, allow_nan=False)}\n".encode())
    return tables


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a results folder by name: results_per_run, sweep, results_summary, and those of `WATCHED`."""
    names = [*NAMES, *(name for name in WATCHED if (Path(folder) / f"{name}.csv").exists())]
    return {name: pd.read_csv(Path(folder) / f"{name}.csv") for name in names}


def build(results: list[dict]) -> dict[str, pd.DataFrame]:
    """The tables by name, from results of runs; those of `WATCHED` where some run has validation images.

    Where the runs of a folder differ in a setting that is no key of the summary (epochs, batch size, …), it
    becomes a further column of results_per_run and results_summary: such runs are never averaged together.
    """
    results = sorted(results, key=_order)
    further = further_settings(results)
    made = dict(zip(NAMES, (_per_run(results, further), _sweep(results), _summary(results, further)), strict=True))
    watched = epochs.table(results)
    if not watched.empty:
        made |= {"epochs": watched, "differences": epochs.differences(made["results_per_run"], watched)}
    return made


def with_settings(sweep: pd.DataFrame, per_run: pd.DataFrame) -> pd.DataFrame:
    """The rows of sweep.csv with every setting in which the runs of results_per_run.csv differ as a column.

    `noise_samples`, which is 1 at α_test = 0, becomes the run's setting, or goes where all runs have the same.
    """
    fields = {field.name for field in dataclasses.fields(TrainConfig)} - set(SWEEP) | {"noise_samples"}
    settings = varied(per_run, fields)
    return sweep.drop(columns="noise_samples").merge(per_run[["run_id", *settings]], on="run_id")


def varied(table: pd.DataFrame, names: Container[str]) -> list[str]:
    """The columns of a table that are among `names` and have more than one value, in their order."""
    return [name for name in table if name in names and table[name].nunique(dropna=False) > 1]


def further_settings(results: list[dict]) -> list[str]:
    """The science fields, beyond the keys of the summary and the seed, in which these runs differ.

    And those of `YOUNGER` that are not at their default.
    """
    known = {CONFIG_NAMES.get(name, name) for name in CELL} | {"seed"}
    names = [field.name for field in dataclasses.fields(TrainConfig) if field.name not in known]
    names += sorted({name for result in results for name in result["config"]} - set(names) - known)
    found = {name: {_setting(result, name) for result in results} for name in names}
    usual = {name: {default} for name, default in YOUNGER.items()}
    return [name for name in names if len(found[name]) > 1 or found[name] - usual.get(name, found[name])]


def _no_formula(cell: object) -> object:
    """Text that a spreadsheet would take for a formula, with a quote before it; numbers as they are."""
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
    return pd.DataFrame(rows, columns=SWEEP)


def _summary(results: list[dict], further: list[str]) -> pd.DataFrame:
    keys = [*CELL, *further]
    rows = []
    for result in results:
        cell = {name: result.get(name) for name in CELL} | {name: _setting(result, name) for name in further}
        none = [{"alpha_test": alpha} for alpha in result["config"]["alpha_tests"]]
        rows += [cell | {"diverged": not result["sweep"]} | row for row in result["sweep"] or none]
    columns = [*keys, "diverged", "acc", "drop", "loss"]
    cells = pd.DataFrame(rows, columns=columns).astype({name: float for name in ("acc", "drop", "loss")})
    grouped = cells.groupby(keys, sort=True, dropna=False)
    summary = pd.DataFrame({"n_seeds": grouped["acc"].count(), "n_diverged": grouped["diverged"].sum()})
    for name in ("acc", "drop", "loss"):
        summary[f"mean_{name}"] = grouped[name].mean()
        summary[f"std_{name}"] = grouped[name].std()
        summary[f"stderr_{name}"] = standard_error(summary[f"std_{name}"], grouped[name].count())
    return summary.reset_index()[[*SUMMARY, *further]]
