"""What the figures share: panels, lines with error bars, axes, legends and captions.

matplotlib is imported when the first figure is made, because a launcher that only writes tables does not need it.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaign.analysis import labels, style, typesetting
from campaign.analysis.looks import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_WIDTH, MOST_HEIGHT, LEAST_HEIGHT, SHAPE = 1.3, 2.3, 1.5, 0.8
"""Of a panel: inches, and height by width."""
LINEAR, MARGIN = 0.5, 0.08
"""Decades from zero to the smallest strength, and the share of all decades on either side of the strengths."""
HOLLOW, BREAK, RESOLUTION = "hollow", "break", "resolution"
"""Mark hollow points, the break of an axis, and the band of what test images can resolve, among a figure's artists."""
ALPHA_AXIS = "weight noise at evaluation, α_test (relative to the weights)"
QUANTITIES = {
    "acc": ("test accuracy (%)", 100),
    "drop": ("accuracy drop (percentage points)", 100),
    "loss": ("test loss (nats)", 1),
}
"""Name of the axis of each measured quantity, and the factor to its unit."""
STANDARD_ERRORS = "points: mean ± standard error over seeds"
INTERVALS = "bars: 95 % interval of the paired difference (Student t over seeds), each by itself, without correction"


def new_figure(height: float) -> "Figure":
    """An empty figure of this height in inches, as wide as one or two columns of a paper."""
    from matplotlib.figure import Figure

    return Figure(figsize=(style.current().width, height), layout="constrained")


def make_panels(titles: Mapping[Any, str], columns: int | None = None) -> "tuple[Figure, dict[Any, Axes]]":
    """A figure with one panel per title, by name, in this number of columns (by default up to 3) or fewer."""
    width, count = style.current().width, max(1, len(titles))
    most = max(1, int(width / LEAST_WIDTH))
    columns = min(most, columns or style.current().columns(count))
    rows = -(-count // columns)
    height = min(MOST_HEIGHT, max(LEAST_HEIGHT, SHAPE * width / columns))
    figure = new_figure(height * rows + 0.2)
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
    panels = dict(zip(titles, grid, strict=False))
    for empty in grid[len(titles) :]:
        empty.remove()
    for name, axes in panels.items():
        axes.set_title(typesetting.typeset(titles[name]))
    return figure, panels


def named(table: pd.DataFrame, column: str) -> dict[str, str]:
    """The values of a column in the order of the configuration, and their names."""
    look = style.current()
    return {value: look.names.of(column, value) for value in look.in_order(column, table[column])} if len(table) else {}


def draw_points(
    axes: "Axes", x: pd.Series, middle: pd.Series, half: pd.Series, look: Look, line: str = "-", hollow=None
) -> None:
    """Points with error bars of these half-lengths, joined by a line; `hollow`: which of them are hollow."""
    from matplotlib.transforms import offset_copy

    beside = offset_copy(axes.transData, axes.get_figure(root=True), x=look.shift, units="points")
    style_of: dict[str, Any] = {
        "color": look.colour,
        "marker": look.marker,
        "linestyle": line,
        "label": typesetting.typeset(look.label),
    }
    axes.errorbar(x, middle, half, transform=beside, **style_of)
    known, reach = middle.notna(), half.fillna(0)
    if known.any():  # what is moved to the side does not count for the limits of axes
        axes.update_datalim(list(zip(x[known], (middle - reach)[known], strict=True)))
        axes.update_datalim(list(zip(x[known], (middle + reach)[known], strict=True)))
        axes.autoscale_view()
    if hollow is not None and (hollow & known).any():
        few = hollow & known
        empty: dict[str, Any] = {"mec": look.colour, "mfc": "white", "zorder": 3, "gid": HOLLOW, "transform": beside}
        axes.plot(x[few], middle[few], look.marker, **empty)


def draw_line(
    axes: "Axes", line: pd.DataFrame, x: str, quantity: str, most: int, look: Look, style_of_line: str = "-"
) -> None:
    """Means with standard errors, in the unit of the quantity; points with fewer than `most` seeds are hollow."""
    draw_points(axes, line[x], *_mean_and_error(line, quantity), look, style_of_line, line["n_seeds"] < most)


def draw_band(axes: "Axes", line: pd.DataFrame, x: str, quantity: str, look: Look) -> None:
    """Means as a line and standard errors as a band, in the unit of the quantity: for lines of many points."""
    mean, error = _mean_and_error(line, quantity)
    every = max(1, (len(line) - 1) // 6)
    marks = ((len(line) - 1) % every // 2, every)  # from the left end as far as from the right one
    label = typesetting.typeset(look.label)
    axes.plot(line[x], mean, color=look.colour, label=label, marker=look.marker, markevery=marks)
    axes.fill_between(line[x], mean - error, mean + error, color=look.colour, alpha=0.2, linewidth=0)


def explain_dashes(axes: "Axes", text: str) -> None:
    """Let the legend say what dashed lines are."""
    axes.plot([], [], "--", color="0.4", label=typesetting.typeset(text))


def alpha_axis(axes: "Axes", table: pd.DataFrame) -> None:
    """A logarithmic axis of strengths that also shows zero, with a mark where it is broken."""
    alphas = sorted(table["alpha_test"].unique())
    smallest = next((alpha for alpha in alphas if alpha > 0), 1.0)
    axes.set_xscale("symlog", linthresh=smallest, linscale=LINEAR)
    largest = max(alphas[-1], smallest)
    margin = MARGIN * (LINEAR + math.log10(largest / smallest))
    axes.set_xlim(-margin / LINEAR * smallest, largest * 10**margin)
    axes.set_xticks(alphas, [labels.spelled(alpha) for alpha in alphas])
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.25)
    if alphas[0] == 0 and alphas[-1] > 0:
        _mark_break(axes, 0.5 * smallest)


def whole_numbers(axes: "Axes") -> None:
    """Ticks of a horizontal axis of epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _mark_break(axes: "Axes", place: float) -> None:
    """Two strokes across the horizontal axis, and a gap between them."""
    from matplotlib.path import Path

    strokes = Path([(-0.6, -1), (0, 1), (0, -1), (0.6, 1)], [Path.MOVETO, Path.LINETO] * 2)
    gap = Path([(-0.6, -1), (0, 1), (0.6, 1), (0, -1), (-0.6, -1)], closed=True)
    on_axis: dict[str, Any] = {
        "transform": axes.get_xaxis_transform(),
        "clip_on": False,
        "linestyle": "none",
        "ms": 8,
        "gid": BREAK,
    }
    axes.plot([place], [0], marker=gap, mfc="white", mec="none", zorder=3, **on_axis)
    axes.plot([place], [0], marker=strokes, mfc="none", mec="black", mew=0.7, zorder=4, **on_axis)


def label_panels(
    figure: "Figure", panels: "Mapping[Any, Axes]", axis: str, below: str = ALPHA_AXIS, legend: str = ""
) -> None:
    """Name the axes of all panels, `axis` on the left and `below` at the bottom, and place the legend."""
    figure.supxlabel(typesetting.typeset(below))
    figure.supylabel(typesetting.typeset(axis))
    place_legend(figure, *panels.values(), title=legend)


def place_legend(figure: "Figure", *panels: "Axes", title: str = "") -> None:
    """Place one legend of what all panels show, above them, in as many columns as the figure is wide for.

    Artists of one label must look the same in all panels.
    """
    from matplotlib.container import Container

    shown = [item for axes in panels for item in zip(*axes.get_legend_handles_labels(), strict=True)]
    shown.sort(key=lambda item: not isinstance(item[0], Container))  # methods come before what explains them
    handles = {text: handle for handle, text in reversed(shown)}
    texts = list(dict.fromkeys(text for _, text in shown))
    if not texts:
        return
    width, height = figure.get_size_inches()
    for columns in range(len(texts), 0, -1):
        wrapped = texts if columns > 1 else [typesetting.wrap(text, width - 0.5, style.SMALL) for text in texts]
        settings = {"ncols": columns, "title": typesetting.typeset(title) or None, "columnspacing": 1.2}
        legend = figure.legend([handles[text] for text in texts], wrapped, loc="outside upper center", **settings)
        extent = legend.get_window_extent(typesetting.renderer(figure))
        if columns == 1 or extent.width <= figure.bbox.width - 10:
            figure.set_size_inches(width, height + extent.height / figure.dpi)
            return
        legend.remove()


def finish(figure: "Figure", table: pd.DataFrame, what: str, bars: str, *further: str) -> "Figure":
    """Set a figure's caption: what it shows, what its bars mean, the number of seeds, whether points are hollow."""
    low, high = (table["n_seeds"].min(), table["n_seeds"].max()) if len(table) else (0, 0)
    hollow = any(line.get_gid() == HOLLOW for axes in figure.axes for line in axes.lines)
    explained = f" (hollow: fewer than {high})" if hollow else ""
    seeds = f"n = {low} {'seed' if low == 1 else 'seeds'}" if low == high else f"n = {low} to {high} seeds{explained}"
    is_moved = any(len(axes.containers) > 1 for axes in figure.axes)
    moved = "points are moved sideways so that bars do not cover each other" if is_moved else ""
    return describe(figure, table, what, f"{bars}; {seeds}", moved, *further)


def of_draws(points: pd.DataFrame) -> str:
    """For the caption: how many draws the value of a seed is the mean of; "" without random draws.

    `points`: rows of sweep.csv that a figure shows.
    """
    most = points["noise_samples"].max()
    if not most > 1:
        return ""
    few = points.loc[points["noise_samples"] > 1, "noise_samples"].min()  # at strength 0 all draws are the same
    count = f"{most:g}" if few == most else f"{few:g} to {most:g}"
    return f"each seed counts with its mean over {count} random draws"


def describe(figure: "Figure", table: pd.DataFrame, what: str, *further: str) -> "Figure":
    """Set a figure's caption: its datasets, what it shows, and further sentences."""
    datasets = ", ".join(named(table, "dataset").values()) if len(table) else "no runs"
    sentences = [f"{text[:1].upper()}{text[1:]}." for text in further if text]
    figure.set_label(" ".join([f"{datasets}: {what}.", *sentences]))
    return figure


def caption(figure: "Figure") -> str:
    """What a figure shows, n, what its bars mean, and how complete its runs are: text for below the figure."""
    return str(figure.get_label())


def _mean_and_error(line: pd.DataFrame, quantity: str) -> tuple[pd.Series, pd.Series]:
    factor = QUANTITIES[quantity][1]
    return factor * line[f"mean_{quantity}"], factor * line[f"stderr_{quantity}"]
