"""Finished runs, read from their files into one DataFrame."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd

from campaign.analysis import excerpts, makers
from campaign.grid.names import canonical
from campaign.store import run_file
from nnet.checks import ConfigError, nearest, unknown
from nnet.config import TrainConfig
from nnet.evaluations.parts import points

ROWS: dict[str, Callable[[Mapping], list[dict]]] = {
    "runs": lambda run: [excerpts.columns_of(run)],
    "points": points.table_rows,
    "epochs": lambda run: run["history"],
}
"""What a row may be, and what a run has for each, beside its settings."""


def load(
    results_dir: str | Path,
    where: Mapping[str, object] | None = None,
    configs: Iterable[TrainConfig] | None = None,
    rows: str = "runs",
) -> pd.DataFrame:
    """A row per finished run anywhere under `results_dir`, or per point or epoch of it, that has all of `where`.

    `rows`: "runs", with the columns of results_per_run.csv; "points", a row per network and point, with those of
    sweep.csv; or "epochs", a row per network and epoch, with those of its history. Further columns: every training and
    measuring setting (`options` as a dict by owner), every option that some run has, as <owner>.<option> (None where a
    run lacks it), and what made it (`git_commit`, `torch`, …; `measured_<name>` where its measurements have other
    makers). `where` takes the words of TrainConfig, of the columns, and their older forms (`p` or `ps`). With
    `configs`, only the runs of this list. Raises ConfigError for an unknown name in `where`, if there is no such row,
    if a run of `configs` is missing, and for run files of an older form.
    """
    if rows not in ROWS:
        raise unknown("rows", rows, ROWS)
    runs = runs_in(results_dir, configs)
    loaded = [_beside(run, row) for run in runs for row in ROWS[rows](run)]
    names = list(dict.fromkeys(name for row in reversed(loaded) for name in row))
    where = {name if name in names else canonical(name): value for name, value in (where or {}).items()}
    for name, value in where.items():
        if loaded and name not in names:
            choices = f"choose from {sorted(names)}{nearest(name, names)}"
            raise ConfigError(f"no run in {results_dir} has a setting {name!r}; {choices}")
        loaded = [row for row in loaded if row.get(name) == value]
    if not loaded:
        settings = " and ".join(f"{name} = {value}" for name, value in where.items())
        raise ConfigError(f"{results_dir} has no finished run{f' with {settings}' if settings else ''}")
    return pd.DataFrame(loaded, columns=names)


def runs_in(results_dir: str | Path, configs: Iterable[TrainConfig] | None = None) -> list[dict]:
    """The contents of the run files under a folder, or of those of `configs`. Raises ConfigError as `load` does."""
    paths = sorted(Path(results_dir).rglob("runs/*.json"))
    if configs is None:
        return [run_file.read(path) for path in paths]
    wanted = {config.run_id: config.training() for config in configs}
    runs = [run_file.read(path) for path in paths if path.stem in wanted]
    runs = [run for run in runs if run["config"] == wanted[run["run_id"]]]
    lacking = wanted.keys() - {run["run_id"] for run in runs}
    if lacking:
        raise ConfigError(f"{len(lacking)} of {len(wanted)} runs are not in {results_dir}")
    return runs


def settings_of(run: Mapping) -> dict:
    """The training and measuring settings of a run by name, and each option also as <owner>.<option>."""
    training, asked = excerpts.training_of(run), run["asked"]
    options = training["options"] | asked.get("options", {})
    flat = {f"{owner}.{name}": value for owner, values in options.items() for name, value in values.items()}
    return flat | asked | training | {"options": options}


def _beside(run: Mapping, row: Mapping) -> dict:
    """A row of `load`: the identity of a run, what was measured, its settings, and what made it."""
    identity, about = {name: run[name] for name in excerpts.RUN}, settings_of(run) | makers.columns_of(run)
    return identity | dict(row) | {name: value for name, value in about.items() if name not in row}
