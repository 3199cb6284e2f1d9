"""Maps of an evaluation that measures parts of the network one at a time: a row per part, a column per strength."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaign.analysis import panels, style, typesetting
from campaign.analysis import tables as core
from campaign.analysis.labels import spelled
from campaign.analysis.looks import Looks, lines_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT, CELL_WIDTH, TITLE_HEIGHT, MARGIN = 0.2, 0.72, 0.45, 0.8
"""Inches; the margin is that on the left of a map."""
DARK = 0.6
"""The share of the largest value above which a cell is dark, so that its text is white."""


def draw(evaluation: str, summary: pd.DataFrame, sweep: pd.DataFrame, settings: Mapping[str, Any]) -> "Figure":
    """Mean of a quantity, by default the drop, of every part and strength: a panel per architecture and setting.

    `summary`, `sweep`: results_summary.csv and sweep.csv; `settings`: the evaluation's `FIGURE`. Each cell holds the
    mean and the standard error over seeds; parts stand in the order of the network.
    """
    cells, quantity = core.of(summary, evaluation), settings.get("quantity", "drop")
    order = core.of(sweep, evaluation)[["architecture", "part"]].drop_duplicates()
    lines = [
        (f"{title}: {look.label}", rows.merge(cells[cells["architecture"] == architecture]))
        for architecture, title in panels.named(cells, "architecture").items()
        for look, rows in lines_of(cells, Looks(summary, evaluation))
    ]
    by_title = {title: rows for title, rows in lines if len(rows)}
    strengths = sorted(cells["alpha_test"].unique())
    if quantity == "drop":
        strengths = [strength for strength in strengths if strength != 0] or strengths  # the drop at 0 is 0
    parts = {name: list(rows["part"]) for name, rows in order.groupby("architecture", sort=False)}
    maps = [parts[rows["architecture"].iloc[0]] for rows in by_title.values()]
    figure, grid = _grid([len(names) for names in maps], len(strengths), len(by_title) // max(1, len(parts)))
    most = max(1e-12, cells[f"mean_{quantity}"].max())
    for axes, names, (title, rows) in zip(grid, maps, by_title.items(), strict=True):
        _draw_map(axes, rows, quantity, names, strengths, most)
        axes.set_title(typesetting.typeset(title))
    below = settings.get("axis", f"strength of {evaluation}")
    figure.supxlabel(typesetting.typeset(below))
    figure.supylabel("part of the network")
    name = panels.QUANTITIES[quantity][0]
    figure.suptitle(typesetting.wrap(f"{name}: mean ± standard error", 0.95 * style.current().width, style.TEXT))
    rows_are = "rows: parts of the network, from input to output"
    if any(part.isdigit() for names in parts.values() for part in names):
        rows_are += "; layers whose modules have no name but a number are counted from 1"
    what = f"{name} of each part of the network; horizontal axis: {below}"
    cell_texts = "cells: mean ± standard error over seeds, darker for larger means, white for 0 and below"
    draws = panels.of_draws(core.of(sweep, evaluation)) or "one measurement for each seed"
    return panels.finish(figure, cells, what, cell_texts, draws, rows_are)


def _grid(parts: list[int], strengths: int, methods: int) -> "tuple[Figure, list[Axes]]":
    """A figure with an axes for each map with this number of parts; `methods`: the maps of each architecture.

    Those of one architecture share a row if there is room; otherwise rows are as long as there is room for.
    """
    most = max(1, min(len(parts), int(style.current().width / (MARGIN + CELL_WIDTH * strengths))))
    columns = methods if 1 < methods <= most else -(-len(parts) // -(-len(parts) // most)) if parts else 1
    rows = [parts[start : start + columns] for start in range(0, len(parts), columns)]
    heights = [max(3, *row) for row in rows] if parts else [3]
    figure = panels.new_figure(0.4 + sum(ROW_HEIGHT * height + TITLE_HEIGHT for height in heights))
    grid = list(figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights).flat)
    for empty in grid[len(parts) :]:
        empty.remove()
    return figure, grid[: len(parts)]


def _draw_map(
    axes: "Axes",
    rows: pd.DataFrame,
    quantity: str,
    parts: list[str],
    strengths: list[float],
    most: float,
) -> None:
    """A map whose darkest cells have the value `most`."""
    factor = panels.QUANTITIES[quantity][1]
    table = rows.pivot_table(index="part", columns="alpha_test", values=f"mean_{quantity}", dropna=False)
    image = table.reindex(index=parts, columns=strengths)
    axes.imshow(image, aspect="auto", cmap="Purples", vmin=0, vmax=most)
    digits = 2 if factor * most < 10 else 1
    for row in rows[rows["alpha_test"].isin(strengths)].dropna(subset=f"mean_{quantity}").to_dict("records"):
        mean, error = row[f"mean_{quantity}"], row[f"stderr_{quantity}"]
        spread = "" if pd.isna(error) else f" ± {factor * error:.{digits}f}"
        place = (strengths.index(row["alpha_test"]), parts.index(row["part"]))
        colour = "white" if mean > DARK * most else "black"
        shown = round(factor * mean, digits) + 0.0  # no minus in front of 0
        text = f"{shown:.{digits}f}{spread}".replace("-", "−")
        axes.text(*place, text, ha="center", va="center", fontsize=style.SMALL, color=colour)
    names = style.current().names
    called = [names.of("part", part) for part in parts]
    called = [f"layer {place}" if name.isdigit() else name for place, name in enumerate(called, 1)]
    axes.set_yticks(range(len(parts)), [typesetting.typeset(name) for name in called])
    axes.set_xticks(range(len(strengths)), [spelled(strength) for strength in strengths])
    axes.tick_params(length=0)
