"""What the figures share: panels, lines with error bars, axes, legends and titles.

matplotlib is imported when the first figure is made, because a launcher that only writes tables does not need it.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import labels
from campaign.analysis.rows import SUMMARY
from nnet.evaluations.parts.wanted import WEIGHT_NOISE

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
HOLLOW = "hollow"
"""Marks hollow points among the artists of a figure."""
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
    few = (line["n_seeds"] < most) & mean.notna()
    if few.any():
        axes.plot(line[x][few], mean[few], marker, ms=4, mec=colour, mfc="white", zorder=3, gid=HOLLOW)


def draw_band(axes: "Axes", line: pd.DataFrame, x: str, quantity: str, label: str, colour: str) -> None:
    """Means as a line and standard errors as a band, in the unit of the quantity: for lines of many points."""
    mean, error = _mean_and_error(line, quantity)
    axes.plot(line[x], mean, color=colour, label=label)
    axes.fill_between(line[x], mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)


def panels_of_lines(every: pd.DataFrame, quantity: str) -> "tuple[Figure, dict[str, Axes]]":
    """A panel per architecture, by name, and in each a line per setting: means of a quantity against α_test.

    `every`: results_summary.csv; its rows under weight noise are drawn.
    """
    cells = every[every["evaluation"] == WEIGHT_NOISE].drop(columns="evaluation")
    figure, panels = make_panels(names_in(cells, "architecture"))
    for architecture, axes in panels.items():
        for label, rows, colour, marker in lines_of(cells, Looks(every)):
            line = rows.merge(cells[cells["architecture"] == architecture]).sort_values("alpha_test")
            draw_line(axes, line, "alpha_test", quantity, cells["n_seeds"].max(), label, colour, marker)
        axes.set_title(architecture, fontsize="medium")
    return figure, panels


class Looks:
    """Colour and marker of each method: the same in all figures of a results folder, whatever lines a figure has.

    A method is training settings, without architecture; an evaluation with several settings has a further look for each
    but the first. Lines do not differ in the settings `without`.
    """

    def __init__(self, every: pd.DataFrame, evaluation: str = WEIGHT_NOISE, without: Sequence[str] = ()):
        """`every`: results_summary.csv."""
        training = [name for name in (*LINE_KEYS, *further_columns(every)) if name not in ("settings", *without)]
        self.keys = [*training, "settings"]
        lines = _distinct(every[every["evaluation"] == evaluation], self.keys)
        first = {method: settings for *names, settings in reversed(lines) if (method := tuple(names))}
        methods = [(*method, first.get(method, "{}")) for method in _distinct(every, training)]
        self.places = {line: place for place, line in enumerate(dict.fromkeys([*methods, *lines]))}

    def of(self, settings: Mapping[str, object]) -> tuple[str, str]:
        """Colour and marker of a line with these settings."""
        values = _comparable(settings.get(name) for name in self.keys)
        place = self.places.setdefault(values, len(self.places))
        return COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]


def lines_of(cells: pd.DataFrame, looks: Looks) -> list[tuple[str, pd.DataFrame, str, str]]:
    """Label, settings (one row), colour and marker of each line of these rows of a summary."""
    rows = _sorted(cells, looks.keys)
    varied = labels.varied_settings(cells, looks.keys)
    return [
        (labels.label_of(row, varied), pd.DataFrame([row]).astype(rows.dtypes), *looks.of(row))
        for _, row in rows.iterrows()
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
    axes.set_xticks(alphas, [labels.spelled(alpha) for alpha in alphas], rotation=45, fontsize="small")
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.25)


def label_panels(figure: "Figure", panels: "dict[str, Axes]", axis: str, below: str = ALPHA_AXIS) -> None:
    """Name the axes of all panels, `axis` on the left and `below` at the bottom, and place the legend."""
    figure.supxlabel(below, fontsize="medium")
    figure.supylabel(axis, fontsize="medium")
    place_legend(figure, *panels.values())


def place_legend(figure: "Figure", *panels: "Axes") -> None:
    """Place one legend of what all panels show: inside the first one, or beside all if its labels are long.

    Artists of one label must look the same in all panels.
    """
    shown = [item for axes in panels for item in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {text: handle for handle, text in reversed(shown)}
    texts = list(dict.fromkeys(text for _, text in shown))
    longest = max(map(len, texts), default=0)
    if longest > LONG_LABEL:
        width, height = figure.get_size_inches()
        figure.set_size_inches(width + LETTER_WIDTH * longest, height)
        figure.legend([handles[text] for text in texts], texts, loc="outside right center", fontsize="small")
    elif panels:
        panels[0].legend([handles[text] for text in texts], texts, fontsize="small")


def finish(figure: "Figure", table: pd.DataFrame, bars: str) -> "Figure":
    """Set a figure's title: the datasets, what its bars mean, the number of seeds, and whether points are hollow."""
    low, high = (table["n_seeds"].min(), table["n_seeds"].max()) if len(table) else (0, 0)
    hollow = any(line.get_gid() == HOLLOW for axes in figure.axes for line in axes.lines)
    explained = f" (hollow: less than {high})" if hollow else ""
    seeds = f"n = {low} seeds" if low == high else f"n = {low} to {high} seeds{explained}"
    return set_title(figure, table, f"{bars}; {seeds}")


def set_title(figure: "Figure", table: pd.DataFrame, text: str) -> "Figure":
    """Set a figure's title: the datasets of a table, then `text`."""
    names = ", ".join(names_in(table, "dataset")) if len(table) else "no runs"
    figure.suptitle(f"{names}; {text}", fontsize="small")
    return figure


def add_note(figure: "Figure", note: str) -> "Figure":
    """Append a note to a figure's title, and wrap the title to the figure's width."""
    width = max(20, int(TITLE_LETTERS_PER_INCH * figure.get_figwidth()))
    title = "; ".join(filter(None, [figure.get_suptitle(), note]))
    figure.suptitle(textwrap.fill(title, width), fontsize="small")
    return figure


def _sorted(table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The distinct rows of these columns, sorted; no options and no settings come first."""
    return table[keys].drop_duplicates().sort_values(keys, key=lambda column: column.replace("{}", ""))


def _distinct(table: pd.DataFrame, keys: list[str]) -> list[tuple]:
    return list(dict.fromkeys(map(_comparable, _sorted(table, keys).itertuples(index=False))))


def _comparable(values: Iterable) -> tuple:
    """The same for equal settings, whatever table they are from; NaN is not equal to itself."""
    return tuple(None if pd.isna(value) else value for value in values)


def _mean_and_error(line: pd.DataFrame, quantity: str) -> tuple[pd.Series, pd.Series]:
    factor = QUANTITIES[quantity][1]
    return factor * line[f"mean_{quantity}"], factor * line[f"stderr_{quantity}"]
