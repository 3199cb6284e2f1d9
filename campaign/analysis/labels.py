"""How settings are named in figures, tables and reports: the regime first, then what tells it from the others."""

import dataclasses
import json
from collections.abc import Container

import pandas as pd

from nnet.config import TrainConfig

SCIENCE = [field for field in dataclasses.fields(TrainConfig) if not field.metadata.get("operation")]
DEFAULTS = {field.name: field.default for field in SCIENCE}
YOUNGER = {field.name: field.default for field in SCIENCE if field.metadata.get("younger")}
"""Settings that stand in a run's configuration only where they are not at their default."""


def varied(table: pd.DataFrame, names: Container[str]) -> list[str]:
    """The columns of a table that are among `names` and have more than one value, in their order."""
    return [name for name in table if name in names and table[name].nunique(dropna=False) > 1]


def varied_settings(table: pd.DataFrame, keys: list[str]) -> list[str]:
    """The settings among `keys`, and options, that tell rows apart beside regime and α_train.

    In place of `options` stand those options that have several values within a regime.
    """
    settings = set(varied(table, keys)) - {"regime", "alpha_train", "options"}
    named = [name for name in keys if name in settings]
    return [*named, *_varied_options(table)] if "options" in keys else named


def label_of(row: pd.Series, varied: list[str]) -> str:
    """The regime with its α_train, and the settings that are `varied` and not at the default of younger ones."""
    noise = f" α = {row['alpha_train']:g}" if row["alpha_train"] > 0 else ""
    return ", ".join([f"{row['regime']}{noise}", *settings_of(row, varied)])


def settings_of(row: pd.Series, varied: list[str]) -> list[str]:
    """Name and value of each setting or option of a row that is `varied`, as far as the row has it."""
    options = json.loads(row["options"]) if "options" in row else {}
    found = {name: row[name] if name in row else options.get(name) for name in varied}
    return [
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in found.items()
        if value is not None and YOUNGER.get(name) != value
    ]


def _varied_options(table: pd.DataFrame) -> list[str]:
    names: dict[str, None] = {}
    for _, group in table.groupby("regime"):
        rows = [json.loads(text) for text in group["options"].unique()]
        for name in {name: None for row in rows for name in row}:
            if len({json.dumps(row.get(name)) for row in rows}) > 1:
                names[name] = None
    return list(names)
