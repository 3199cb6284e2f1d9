"""How figures, tables and reports name settings: the regime first, then the settings that differ."""

import json
import math
from collections import Counter
from collections.abc import Container, Sequence

import pandas as pd

from nnet import registry
from nnet.config import TrainConfig
from nnet.evaluations.parts.wanted import defaults
from nnet.identity import in_group

HASHES = ("dataset_sha256", "initial_weights_sha256")
SETTINGS = {"architecture", *in_group(TrainConfig, "training"), *HASHES}
"""The names of columns that are settings of a network's training."""
UNSAID = ("", "none")
JSON = ("options", "settings")
"""Columns that hold several settings: options by their owner, and the settings of an evaluation."""
TESTED = "settings"


def varied(table: pd.DataFrame, names: Container[str]) -> list[str]:
    """The columns of a table that are among `names` and have more than one value, in the table's order."""
    return [name for name in table if name in names and table[name].nunique(dropna=False) > 1]


def varied_settings(table: pd.DataFrame, keys: list[str]) -> list[str]:
    """The settings among `keys` that tell rows apart beside regime and α_train.

    `options` is replaced by those options that have several values among the rows of their owner, as <owner>.<option>,
    and `settings`, those of an evaluation, by each one that has several values, as settings.<name>. `noise_model`
    counts if networks were trained with several.
    """
    settings = set(varied(table, keys)) - {"regime", "alpha_train", *JSON}
    if "noise_model" in table and table["noise_model"].nunique() < 2:
        settings.discard("noise_model")
    named = [name for name in keys if name in settings]
    return [*named, *(name for column in JSON if column in keys for name in _varied_within(table[column], column))]


def label_of(row: pd.Series, varied: list[str]) -> str:
    """The regime, its α_train, and the `varied` settings of a row."""
    noise = f" α = {spelled(row['alpha_train'])}" if row["alpha_train"] > 0 else ""
    return ", ".join([f"{row['regime']}{noise}", *settings_of(row, varied)])


def labels_of(table: pd.DataFrame, varied: list[str]) -> list[str]:
    """`label_of` of each row. Equal settings are labelled once: tables of many runs have a million rows."""
    names = dict.fromkeys(("regime", "alpha_train", *varied, *JSON))
    keys = [name for name in names if name in table]
    places = table.groupby(keys, dropna=False, sort=False).ngroup()  # in the order of the distinct rows
    texts = [label_of(row, varied) for _, row in table[keys].drop_duplicates().iterrows()]
    return [texts[place] for place in places]


def settings_of(row: pd.Series, varied: list[str]) -> list[str]:
    """Name and value of each `varied` setting that the row has; what is switched off (0, False, none) is not said."""
    last = Counter(name.split(".")[-1] for name in varied)
    return [
        _words(name if last[name.split(".")[-1]] > 1 else name.split(".")[-1], name, value)
        for name, value in said(row, varied).items()
    ]


def said(row: pd.Series, varied: list[str]) -> dict[str, object]:
    """The `varied` settings that the row has, by name.

    What is switched off (0, False, none) is left out. The settings of an evaluation are always said: tables have only
    those that differ from their defaults.
    """
    inner = {name: value for column in JSON if column in row for name, value in _flat(row[column], column).items()}
    values = {name: row[name] if name in row else inner.get(name) for name in varied}
    tested = [name for name in inner if name.startswith(f"{TESTED}.")]
    return {name: value for name, value in values.items() if name in tested or is_said(value)}


def ways(rows: pd.DataFrame, evaluation: str) -> dict[str, dict[str, object]]:
    """By cell of `settings`: the settings that rows of one evaluation differ in, as settings.<name>.

    The value of a setting is None where it is not known, because the file of the evaluation is gone.
    """
    varied = varied_settings(rows, [TESTED])
    known = {cell: of_evaluation(cell, evaluation) for cell in rows[TESTED].unique()}
    return {cell: {name: its.get(name.split(".")[-1]) for name in varied} for cell, its in known.items()}


def of_evaluation(cell: str, evaluation: str) -> dict[str, object]:
    """The settings in a cell of `settings`, with those that are at their defaults."""
    return defaults(evaluation) | json.loads(cell)


def by_data(table: pd.DataFrame, every: pd.DataFrame | None = None) -> pd.DataFrame:
    """The table with options of its dataset in `dataset`, like "ecg (split beats)", if rows of `every` differ in them.

    They no longer stand in `options`: other data are another dataset, not another way of training. `every`: a table of
    all runs of the folder; by default the table itself.
    """
    differing = _options_of_data(table if every is None else every)
    if not differing or "options" not in table:
        return table
    named = {}
    for dataset, text in table[["dataset", "options"]].drop_duplicates().itertuples(index=False):
        options = json.loads(text)
        own = options.pop(dataset, {})
        words = ", ".join(f"{name} {spelled(own[name])}" for name in differing if name in own)
        named[dataset, text] = f"{dataset} ({words})" if words else dataset, json.dumps(options, sort_keys=True)
    pairs = [named[key] for key in zip(table["dataset"], table["options"], strict=True)]
    return table.assign(dataset=[name for name, _ in pairs], options=[text for _, text in pairs])


def _options_of_data(every: pd.DataFrame) -> list[str]:
    """The options in which rows of one dataset differ; a user's file may have the name of a regime, but no options."""
    if "options" not in every:
        return []
    cells = every[["dataset", "options"]].drop_duplicates().itertuples(index=False)
    own = [json.loads(text).get(dataset, {}) for dataset, text in cells if dataset in registry.names("datasets")]
    names = {name for its in own for name in its}
    return sorted(name for name in names if len({repr(its.get(name)) for its in own}) > 1)


def spelled(value: object) -> str:
    """A value as labels show it: different values look different, 0.3 and 0.1 × 3 too; 5.0 is 5."""
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value or math.isnan(value) else repr(float(value))
    return str(value)


def flat_options(text: str) -> dict[str, object]:
    """The options in a cell of `options`, as {"<owner>.<option>": value}."""
    return _flat(text, "options")


def paired_text(differences: pd.DataFrame, columns: Sequence[str]) -> str:
    """Some columns of a table of paired differences, and the difference with its interval in percentage points."""
    points = {
        "difference": [_points(value) for value in differences["mean_difference"]],
        "low": [_points(value) for value in differences["low"]],
        "high": [_points(value) for value in differences["high"]],
    }
    return differences[list(columns)].assign(**points).to_string(index=False, na_rep="")


def _points(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:+.2f}"


def is_said(value: object) -> bool:
    """Whether labels show a value: not what is switched off (0, False, none)."""
    if isinstance(value, list | tuple | dict):
        return bool(value)
    return not pd.isna(value) and value not in UNSAID and value != 0


def _words(short: str, name: str, value: object) -> str:
    tested = "tested with " if name.startswith(f"{TESTED}.") else ""
    return f"{tested}{short.removeprefix(f'{TESTED}.')} {spelled(value)}"


def _flat(text: str, column: str) -> dict[str, object]:
    values = json.loads(text)
    if column == TESTED:
        return {f"{TESTED}.{name}": value for name, value in values.items()}
    return {f"{owner}.{name}": value for owner, options in values.items() for name, value in options.items()}


def _varied_within(cells: pd.Series, column: str) -> list[str]:
    rows = [_flat(text, column) for text in cells.unique()]
    names = dict.fromkeys(name for row in rows for name in row)
    if column == TESTED:
        return [name for name in names if len({json.dumps(row.get(name)) for row in rows}) > 1]
    return [name for name in names if len({json.dumps(row[name]) for row in rows if name in row}) > 1]
