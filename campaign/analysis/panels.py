"""What the figures share: panels, lines with error bars, axes, legends and titles.

matplotlib is imported when the first figure is made, because a launcher that only writes tables does not need it.
"""

import textwrap
from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import labels
from campaign.analysis.rows import SUMMARY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""
MARKERS = "os^Dvp*X"
LINE_KEYS = ["regime", "alpha_train", "noise_model", "activation", "p", "settings"]
PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 3.8, 3.2, 3
LONG_LABEL, LETTER_WIDTH = 30, 0.08
"""A legend with a longer label would cover a panel, so it stands beside the panels."""
TITLE_LETTERS_PER_INCH = 14.5
ALPHA_AXIS = "weight noise at evaluation, α_test (relative to the weights)"
QUANTITIES = {
    "acc": ("test accuracy (%)", 100),
    "drop": ("accuracy drop (percentage points)", 100),
    "loss": ("test loss (nats)", 1),
}
"""Name of the axis of each measured quantity, and the factor to its unit."""


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of this size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def draw_line(
    axes: "Axes", line: pd.DataFrame, x: str, quantity: str, most: int, label: str, colour: str, marker: str
) -> None:
    """Means with standard errors, in the unit of the quantity; points with fewer than `most` seeds are hollow."""
    mean, error = _mean_and_error(line, quantity)
    axes.errorbar(line[x], mean, error, color=colour, marker=marker, ms=4, capsize=3, label=label)
    few = line["n_seeds"] < most
    axes.plot(line[x][few], mean[few], marker, ms=4, mec=colour, mfc="white", zorder=3)


def draw_band(axes: "Axes", line: pd.DataFrame, x: str, quantity: str, label: str, colour: str) -> None:
    """Means as a line and standard errors as a band, in the unit of the quantity: for lines of many points."""
    mean, error = _mean_and_error(line, quantity)
    axes.plot(line[x], mean, color=colour, label=label)
    axes.fill_between(line[x], mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)


def panels_of_lines(summary: pd.DataFrame, quantity: str) -> "tuple[Figure, dict[str, Axes]]":
    """A panel per architecture, by name, and in each a line per setting: means of a quantity against α_test."""
    figure, panels = make_panels(names_in(summary, "architecture"))
    for architecture, axes in panels.items():
        for label, rows, colour, marker in lines_of(summary):
            line = rows.merge(summary[summary["architecture"] == architecture]).sort_values("alpha_test")
            draw_line(axes, line, "alpha_test", quantity, summary["n_seeds"].max(), label, colour, marker)
        axes.set_title(architecture, fontsize="medium")
    return figure, panels


def lines_of(summary: pd.DataFrame, without: Sequence[str] = ()) -> list[tuple[str, pd.DataFrame, str, str]]:
    """Label, settings (one row), colour and marker of each line; lines do not differ in the settings `without`."""
    keys = [name for name in (*LINE_KEYS, *further_columns(summary)) if name not in without]
    cells = summary[keys].drop_duplicates().sort_values(keys, key=lambda column: column.replace("{}", ""))
    varied = labels.varied_settings(summary, keys)
    looks = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
    return [
        (labels.label_of(row, varied), pd.DataFrame([row]).astype(cells.dtypes), *look)
        for (_, row), look in zip(cells.iterrows(), looks, strict=False)
    ]


def further_columns(summary: pd.DataFrame) -> list[str]:
    """The settings beyond the usual keys in which the runs of a summary differ."""
    return [name for name in summary.columns if name not in SUMMARY]


def names_in(table: pd.DataFrame, column: str) -> list[str]:
    """The sorted values of a column."""
    return sorted(table[column].unique()) if len(table) else []


def make_panels(names: Sequence[str], columns: int | None = None) -> "tuple[Figure, dict[str, Axes]]":
    """A figure with one panel per name, by name, in this number of columns (by default up to 3)."""
    columns = columns or (2 if len(names) == 4 else max(1, min(COLUMNS, len(names))))
    rows = max(1, -(-len(names) // columns))
    figure = new_figure(PANEL_WIDTH * max(columns, 1.4), PANEL_HEIGHT * rows + 0.4)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    panels = dict(zip(names, grid, strict=False))
    for empty in grid[len(names) :]:
        empty.remove()
    return figure, panels


def alpha_axis(axes: "Axes", table: pd.DataFrame) -> None:
    """A logarithmic axis of strengths that also shows zero."""
    alphas = sorted(table["alpha_test"].unique())
    smallest = next((alpha for alpha in alphas if alpha > 0), 1.0)
    axes.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    axes.set_xlim(-0.2 * smallest, 1.3 * max(alphas[-1], smallest))
    axes.set_xticks(alphas, [f"{alpha:g}" for alpha in alphas], rotation=45, fontsize="small")
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.25)


def label_panels(figure: "Figure", panels: "dict[str, Axes]", axis: str, below: str = ALPHA_AXIS) -> None:
    """Name the axes of all panels, `axis` on the left and `below` at the bottom, and place the legend."""
    figure.supxlabel(below, fontsize="medium")
    figure.supylabel(axis, fontsize="medium")
    if panels:
        place_legend(figure, next(iter(panels.values())))


def place_legend(figure: "Figure", axes: "Axes") -> None:
    """Place the legend of one panel inside it, or beside all panels if its labels are long."""
    handles, texts = axes.get_legend_handles_labels()
    longest = max(map(len, texts), default=0)
    if longest > LONG_LABEL:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + LETTER_WIDTH * longest, height)
        figure.legend(handles, texts, loc="outside right center", fontsize="small")
    else:
        axes.legend(fontsize="small")


def finish(figure: "Figure", table: pd.DataFrame, bars: str) -> "Figure":
    """Set a figure's title: the datasets, what its bars mean, and the number of seeds."""
    low, high = (table["n_seeds"].min(), table["n_seeds"].max()) if len(table) else (0, 0)
    seeds = f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds (hollow: less than {high})"
    return set_title(figure, table, f"{bars}; {seeds}")


def set_title(figure: "Figure", table: pd.DataFrame, text: str) -> "Figure":
    """Set a figure's title: the datasets of a table, then `text`."""
    names = ", ".join(names_in(table.astype({"dataset": str}), "dataset")) if len(table) else "no runs"
    figure.suptitle(f"{names}; {text}", fontsize="small")
    return figure


def add_note(figure: "Figure", note: str) -> "Figure":
    """Append a note to a figure's title, and wrap the title to the figure's width."""
    width = max(20, int(TITLE_LETTERS_PER_INCH * figure.get_figwidth()))
    title = "; ".join(filter(None, [figure.get_suptitle(), note]))
    figure.suptitle(textwrap.fill(title, width), fontsize="small")
    return figure


def _mean_and_error(line: pd.DataFrame, quantity: str) -> tuple[pd.Series, pd.Series]:
    factor = QUANTITIES[quantity][1]
    return factor * line[f"mean_{quantity}"], factor * line[f"stderr_{quantity}"]
