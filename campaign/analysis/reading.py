"""Tables read back from their CSV files: a name stays text, whatever it looks like."""

import dataclasses
from pathlib import Path
from typing import get_args

import pandas as pd

from nnet.checks import ConfigError
from nnet.config import TrainConfig

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet reads text that begins like this as a formula."""
SETTINGS = [item.name for item in dataclasses.fields(TrainConfig) if str in (item.type, *get_args(item.type))]
TEXT = {
    *("run_id", "dataset", "architecture", "status", "options", "asked", "dataset_sha256", "initial_weights_sha256"),
    *("evaluation", "settings", "part", "lr_milestones", "measure", "reference", "noise_type", "noise", "flags"),
    *SETTINGS,
}
"""The columns that hold names and other text: `null`, `NA` and `001` are names like others."""


def read(path: Path) -> pd.DataFrame:
    """A table. Empty cells are NaN, but for `part`, an empty text where the whole network is perturbed.

    Numbers are those that were written, bit for bit. Raises ConfigError, naming the file, if it is no table.
    """
    try:
        header = pd.read_csv(path, nrows=0)
        text = [name for name in header if name in TEXT]
        table = pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the table {path}: {error}; the next launch writes it again") from error
    for name in text:
        quoted = table[name].str.startswith("'", na=False)
        table.loc[quoted, name] = table.loc[quoted, name].map(_without_quote)
    return table.fillna({"part": ""}) if "part" in table else table


def no_formula(cell: object) -> object:
    """A cell; text that a spreadsheet would read as a formula gets a quote in front, which `read` takes away."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip("'").startswith(FORMULA) else cell


def _without_quote(cell: str) -> str:
    return cell[1:] if cell.lstrip("'").startswith(FORMULA) else cell
