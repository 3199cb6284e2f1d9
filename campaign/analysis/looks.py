"""The lines of figures: for each method its label, colour, marker, and place beside the others."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from campaign.analysis import labels, style
from campaign.analysis.rows import SUMMARY
from nnet.evaluations.parts.wanted import WEIGHT_NOISE

LINE_KEYS = ["regime", "alpha_train", "noise_model", "activation", "p", "settings"]
STEP, REACH = 2.6, 9.0
"""Points between the error bars of two lines, and at most between those of the first and the last."""
SHARE, AXIS = 0.6, 40
"""The share of the distance of two strengths that error bars take at most; points for the axis of a panel."""


@dataclass(frozen=True)
class Look:
    """How a line looks."""

    label: str
    colour: str
    marker: str
    shift: float = 0.0
    """Points by which it is moved to the right, so that error bars at one strength stand side by side."""


class Looks:
    """Colour and marker of each method: the same in all figures of a results folder, whatever lines a figure has.

    A method is training settings, without architecture; an evaluation with several settings has a further look for each
    but the first. Lines do not differ in the columns `without`.
    """

    def __init__(self, every: pd.DataFrame, evaluation: str = WEIGHT_NOISE, without: Sequence[str] = ()):
        """`every`: results_summary.csv."""
        training = [name for name in (*LINE_KEYS, *further_columns(every)) if name not in ("settings", *without)]
        self.keys = training if "settings" in without else [*training, "settings"]
        methods, lines = _distinct(every, training), _distinct(every[every["evaluation"] == evaluation], self.keys)
        if "settings" in self.keys:
            first = {method: settings for *names, settings in reversed(lines) if (method := tuple(names))}
            methods = [(*method, first.get(method, "{}")) for method in methods]
        self.places = {line: place for place, line in enumerate(dict.fromkeys([*methods, *lines]))}

    def of(self, settings: Mapping[str, object], label: str, shift: float = 0.0) -> Look:
        """The look of a line with these settings."""
        values = _comparable(settings.get(name) for name in self.keys)
        place = self.places.setdefault(values, len(self.places))
        colour, marker = style.COLOURS[place % len(style.COLOURS)], style.MARKERS[place % len(style.MARKERS)]
        return Look(label, colour, marker, shift)


def lines_of(cells: pd.DataFrame, looks: Looks) -> list[tuple[Look, pd.DataFrame]]:
    """The look and the settings (one row) of each line of these rows of a summary."""
    rows = in_order(cells, looks.keys)
    varied = labels.varied_settings(cells, looks.keys)
    names = style.current().names
    return [
        (looks.of(row, names.line(row, varied), shift), pd.DataFrame([row]).astype(rows.dtypes))
        for (_, row), shift in zip(rows.iterrows(), shifts(len(rows), cells), strict=True)
    ]


def shifts(count: int, cells: pd.DataFrame) -> list[float]:
    """Points by which each of several lines is moved to the right: less where strengths or panels are many."""
    places = max(1, *(cells[name].nunique() for name in ("alpha_test", "p") if name in cells))
    keys = [name for name in ("architecture", "dataset", "settings") if name in cells]
    panels = len(cells[keys].drop_duplicates())
    width = 72 * style.current().width / style.current().columns(panels) - AXIS
    return spread(count, STEP, min(REACH, SHARE * width / places))


def spread(count: int, step: float, reach: float) -> list[float]:
    """Points to the right for each of several lines: `step` apart if the first and the last are within `reach` then."""
    step = min(step, reach / max(1, count - 1))
    return [step * (place - (count - 1) / 2) for place in range(count)]


def further_columns(summary: pd.DataFrame) -> list[str]:
    """The settings beyond the usual keys in which the runs of a summary differ."""
    return [name for name in summary.columns if name not in SUMMARY]


def in_order(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The distinct rows of these columns, in the order of the configuration; no options and no settings come first."""

    def key(column: pd.Series) -> pd.Series:
        if column.name in style.current().order:
            return column.map(style.current().in_order(str(column.name), column).index)
        return column.replace("{}", "")

    return table[keys].drop_duplicates().sort_values(keys, key=key)


def _distinct(table: pd.DataFrame, keys: list[str]) -> list[tuple]:
    return list(dict.fromkeys(map(_comparable, in_order(table, keys).itertuples(index=False))))


def _comparable(values: Iterable) -> tuple:
    """The same for equal settings, whatever table they are from; NaN is not equal to itself."""
    return tuple(None if pd.isna(value) else value for value in values)
