"""What the figures of a campaign share: panels, lines with error bars, axes, labels."""

from collections.abc import Sequence
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaign.analysis import labels, tables

COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
MARKERS = "os^Dvp*X"
LINE_KEYS = ["regime", "alpha_train", "noise_model", "activation", "p"]
PANEL_WIDTH, PANEL_HEIGHT, COLUMNS = 3.8, 3.2, 3
LONG_LABEL, LETTER_WIDTH = 30, 0.08
"""With a longer label the legend would cover a panel, and stands beside the panels."""
ALPHA_AXIS = "weight noise at evaluation, α_test (relative to the weights)"


def draw_line(
    axes: Axes, line: pd.DataFrame, x: str, quantity: str, most: int, label: str, colour: str, marker: str
) -> None:
    """Means with standard errors in %; points that have less than `most` seeds are hollow."""
    mean, error = 100 * line[f"mean_{quantity}"], 100 * line[f"stderr_{quantity}"]
    axes.errorbar(line[x], mean, error, color=colour, marker=marker, ms=4, capsize=3, label=label)
    few = line["n_seeds"] < most
    axes.plot(line[x][few], mean[few], marker, ms=4, mec=colour, mfc="white", zorder=3)


def panels_of_lines(summary: pd.DataFrame, quantity: str) -> tuple[Figure, dict[str, Axes]]:
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
    cells = summary[keys].drop_duplicates().sort_values(keys)
    varied = labels.varied_settings(summary, keys)
    looks = zip(cycle(COLOURS), cycle(MARKERS), strict=False)
    return [
        (labels.label_of(row, varied), pd.DataFrame([row]).astype(cells.dtypes), *look)
        for (_, row), look in zip(cells.iterrows(), looks, strict=False)
    ]


def further_columns(summary: pd.DataFrame) -> list[str]:
    """The settings beyond the usual keys in which the runs of a summary differ."""
    return [name for name in summary.columns if name not in tables.SUMMARY]


def names_in(table: pd.DataFrame, column: str) -> list[str]:
    """The sorted values of a column."""
    return sorted(table[column].unique()) if len(table) else []


def make_panels(names: Sequence[str], columns: int | None = None) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for each name, by name; so many `columns`, or as many as look well."""
    columns = columns or (2 if len(names) == 4 else max(1, min(COLUMNS, len(names))))
    rows = max(1, -(-len(names) // columns))
    size = (PANEL_WIDTH * max(columns, 1.4), PANEL_HEIGHT * rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    panels = dict(zip(names, grid, strict=False))
    for empty in grid[len(names) :]:
        empty.remove()
    return figure, panels


def alpha_axis(axes: Axes, table: pd.DataFrame) -> None:
    """An axis of α_test on which zero and each decade have their place."""
    alphas = sorted(table["alpha_test"].unique())
    smallest = next((alpha for alpha in alphas if alpha > 0), 1.0)
    axes.set_xscale("symlog", linthresh=smallest, linscale=0.5)
    axes.set_xlim(-0.2 * smallest, 1.3 * max(alphas[-1], smallest))
    axes.set_xticks(alphas, [f"{alpha:g}" for alpha in alphas], rotation=45, fontsize="small")
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.25)


def label_panels(figure: Figure, panels: dict[str, Axes], axis: str, below: str = ALPHA_AXIS) -> None:
    """Name the axes of all panels: `axis` to the left, `below` below; and place the legend."""
    figure.supxlabel(below, fontsize="medium")
    figure.supylabel(axis, fontsize="medium")
    if panels:
        place_legend(figure, next(iter(panels.values())))


def place_legend(figure: Figure, axes: Axes) -> None:
    """The legend of one panel, in it, or beside all panels where its labels are long."""
    handles, texts = axes.get_legend_handles_labels()
    longest = max(map(len, texts), default=0)
    if longest > LONG_LABEL:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + LETTER_WIDTH * longest, height)
        figure.legend(handles, texts, loc="outside right center", fontsize="small")
    else:
        axes.legend(fontsize="small")


def finish(figure: Figure, table: pd.DataFrame, bars: str, note: str) -> Figure:
    """Write above a figure what its bars are, of how many seeds, and how complete the campaign is."""
    low, high = (table["n_seeds"].min(), table["n_seeds"].max()) if len(table) else (0, 0)
    seeds = f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds (hollow: less than {high})"
    figure.suptitle(title_of(table, f"{bars}; {seeds}", note), fontsize="small")
    return figure


def title_of(table: pd.DataFrame, text: str, note: str) -> str:
    """The datasets of a table, then `text`, then the note on how complete it is, if there is one."""
    names = ", ".join(names_in(table.astype({"dataset": str}), "dataset")) if len(table) else "no runs"
    return "; ".join(filter(None, [names, text, note]))
