"""Finished runs as labelled arrays, where xarray is installed."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import excerpts, makers
from campaign.analysis.labels import HASHES, spelled
from campaign.analysis.loading import load
from campaign.grid.values import FIELDS
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.identity import in_group

if TYPE_CHECKING:
    from xarray import Dataset

PLACES = {"runs": [], "points": excerpts.POINT, "epochs": ["epoch"]}
"""By `rows`: the columns that say where a number was measured, beside the settings of its run."""
ALWAYS = ("seed", "alpha_test", "epoch")
"""Dimensions even if they have one value."""


def to_xarray(
    results_dir: str | Path,
    where: Mapping[str, object] | None = None,
    configs: Iterable[TrainConfig] | None = None,
    rows: str = "points",
) -> "Dataset":
    """The numbers of `campaign.load` as an xarray.Dataset: a variable per column, a dimension per setting that varies.

    Dimensions are those settings of training that it takes to tell runs apart, the seed, and those of evaluation,
    settings, part, alpha_test and epoch that vary. A setting that follows from one dimension, as alpha_train may from
    the regime, is a coordinate along it; a setting with one value is an attribute. Cells that no run fills are NaN.
    Raises ConfigError as `load` does, if xarray is not installed, and if a run lies in several folders.
    """
    try:
        import xarray  # noqa: F401 - pandas needs it
    except ImportError as error:
        raise ConfigError("to_xarray needs the package xarray: pip install -r requirements-export.txt") from error
    table = load(results_dir, where, configs, rows)
    labels = table[[*_settings(table), *PLACES[rows]]].apply(_labels)
    twice = table.duplicated(["run_id", *PLACES[rows]])
    if twice.any():
        run_id = table.loc[twice, "run_id"].iloc[0]
        raise ConfigError(f"{results_dir} has {run_id} in several folders: name one of them")
    dimensions = _dimensions(labels)
    numbers = table[_numbers(table)].astype(float)
    arrays = pd.concat([labels[dimensions], numbers], axis=1).set_index(dimensions).to_xarray()
    return _explained(arrays, labels[dimensions], labels.drop(columns=dimensions))


def _settings(table: pd.DataFrame) -> list[str]:
    """The columns that are settings of training, those that most campaigns vary first."""
    first = [name for name in excerpts.RUN if name != "run_id"]
    options = [name for name in table if "." in name and name.split(".")[0] not in registry.names("evaluations")]
    fields = [name for name in in_group(TrainConfig, "training") if name not in ("arch", "options")]
    return [name for name in dict.fromkeys([*first, *fields, *options, *HASHES]) if name in table]


def _labels(column: pd.Series) -> pd.Series:
    """A column as labels: all numbers or all text; a list is JSON, and what is not there is "none"."""
    values = [json.dumps(value) if isinstance(value, list | dict | bool) else value for value in column]
    if any(pd.isna(value) for value in values):
        values = ["none" if pd.isna(value) else spelled(value) for value in values]
    dtype = object if any(isinstance(value, str) for value in values) else None
    return pd.Series(values, column.index, dtype)


def _dimensions(labels: pd.DataFrame) -> list[str]:
    """The columns that it takes to tell rows apart, in their order, the seed after the settings."""
    found = ["seed"]
    for name in labels:
        known, more = (len(labels[names].drop_duplicates()) for names in (found, [*found, name]))
        if name != "seed" and (more > known or name in ALWAYS):
            found.append(name)
    places = [name for name in found if name in (*excerpts.POINT, "epoch")]
    return [*(name for name in found if name not in ("seed", *places)), "seed", *places]


def _numbers(table: pd.DataFrame) -> list[str]:
    """The columns that were measured."""
    about = {*excerpts.RUN, *FIELDS, *makers.COLUMNS, *PLACES["points"], *PLACES["epochs"]}
    measured = [name for name in table if name not in about and "." not in name]
    return [name for name in measured if all(cell is None or isinstance(cell, int | float) for cell in table[name])]


def _explained(arrays: "Dataset", labels: pd.DataFrame, others: pd.DataFrame) -> "Dataset":
    """The arrays with the settings `others`: as attributes if they have one value, as coordinates of a dimension."""
    for name in others:
        if others[name].nunique() == 1:
            arrays.attrs[name] = others[name].iloc[0]
            continue
        for dimension in labels:
            pairs = pd.concat([labels[dimension], others[name]], axis=1).drop_duplicates()
            if not pairs[dimension].duplicated().any():
                values = pairs.set_index(dimension)[name].reindex(arrays[dimension].to_numpy())
                arrays = arrays.assign_coords({name: (dimension, values.to_numpy())})
                break
    return arrays
