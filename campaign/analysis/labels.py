"""How figures, tables and reports name settings: the regime first, then the settings that differ."""

import dataclasses
import json
import math
from collections.abc import Container, Sequence

import pandas as pd

from nnet.config import TrainConfig
from nnet.identity import group_of

SETTINGS = {"architecture"} | {field.name for field in dataclasses.fields(TrainConfig)}
"""The names of columns that are settings of a run."""
SCIENCE = [field for field in dataclasses.fields(TrainConfig) if group_of(field) != "operation"]
DEFAULTS = {field.name: field.default for field in SCIENCE}
YOUNGER = DEFAULTS
"""Settings that a run's configuration names only if they are not at their default."""


def varied(table: pd.DataFrame, names: Container[str]) -> list[str]:
    """The columns of a table that are among `names` and have more than one value, in the table's order."""
    return [name for name in table if name in names and table[name].nunique(dropna=False) > 1]


def varied_settings(table: pd.DataFrame, keys: list[str]) -> list[str]:
    """The settings among `keys` that tell rows apart beside regime and α_train.

    `options` is replaced by those options that have several values within a regime.
    """
    settings = set(varied(table, keys)) - {"regime", "alpha_train", "options"}
    named = [name for name in keys if name in settings]
    return [*named, *_varied_options(table)] if "options" in keys else named


def label_of(row: pd.Series, varied: list[str]) -> str:
    """The regime, its α_train, and the `varied` settings; younger settings only if not at their default."""
    noise = f" α = {row['alpha_train']:g}" if row["alpha_train"] > 0 else ""
    return ", ".join([f"{row['regime']}{noise}", *settings_of(row, varied)])


def settings_of(row: pd.Series, varied: list[str]) -> list[str]:
    """Name and value of each `varied` setting or option that the row has."""
    options = json.loads(row["options"]) if "options" in row else {}
    values = {name: row[name] if name in row else options.get(name) for name in varied}
    return [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
        if value is not None and YOUNGER.get(name) != value
    ]


def paired_text(differences: pd.DataFrame, columns: Sequence[str]) -> str:
    """Some columns of a table of paired differences, and the difference with its interval in percentage points."""
    points = {
        "difference": [_points(value) for value in differences["mean_difference"]],
        "low": [_points(value) for value in differences["low"]],
        "high": [_points(value) for value in differences["high"]],
    }
    return differences[list(columns)].assign(**points).to_string(index=False)


def _points(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:+.2f}"


def _varied_options(table: pd.DataFrame) -> list[str]:
    names: dict[str, None] = {}
    for _, group in table.groupby("regime"):
        rows = [json.loads(text) for text in group["options"].unique()]
        for name in {name: None for row in rows for name in row}:
            if len({json.dumps(row.get(name)) for row in rows}) > 1:
                names[name] = None
    return list(names)
