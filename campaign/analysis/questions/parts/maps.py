"""Maps of an evaluation that measures parts of the network one at a time: a row per part, a column per strength."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaign.analysis import panels
from campaign.analysis import tables as core
from campaign.analysis.labels import spelled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_HEIGHT, CELL_WIDTH = 0.28, 0.8
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
        (f"{architecture}: {label}", rows.merge(cells[cells["architecture"] == architecture]))
        for architecture in panels.names_in(cells, "architecture")
        for label, rows, _, _ in panels.lines_of(cells, panels.Looks(summary, evaluation))
    ]
    by_title = {title: rows for title, rows in lines if len(rows)}
    strengths = sorted(cells["alpha_test"].unique())
    height = ROW_HEIGHT * sum(max(3, rows["part"].nunique()) + 2 for rows in by_title.values())
    figure = panels.new_figure(2.5 + CELL_WIDTH * len(strengths), 1.2 + height)
    counts = [max(3, rows["part"].nunique()) for rows in by_title.values()]
    grid = figure.subplots(len(by_title), 1, squeeze=False, height_ratios=counts)[:, 0]
    limits = min(0.0, cells[f"mean_{quantity}"].min()), max(1e-12, cells[f"mean_{quantity}"].max())
    for axes, (title, rows) in zip(grid, by_title.items(), strict=True):
        parts = order.loc[order["architecture"] == rows["architecture"].iloc[0], "part"]
        _draw_map(axes, rows, quantity, list(parts), strengths, limits)
        axes.set_title(title, fontsize="medium")
    figure.supxlabel(settings.get("axis", f"strength of {evaluation}"), fontsize="medium")
    name = panels.QUANTITIES[quantity][0]
    few, most = cells["n_seeds"].min(), cells["n_seeds"].max()
    seeds = f"n = {few} seeds" if few == most else f"n = {few} to {most} seeds"
    return panels.set_title(figure, cells, f"{name} by part: mean ± standard error; {seeds}")


def _draw_map(
    axes: "Axes",
    rows: pd.DataFrame,
    quantity: str,
    parts: list[str],
    strengths: list[float],
    limits: tuple[float, float],
) -> None:
    factor = panels.QUANTITIES[quantity][1]
    table = rows.pivot_table(index="part", columns="alpha_test", values=f"mean_{quantity}", dropna=False)
    image = table.reindex(index=parts, columns=strengths)
    axes.imshow(image, aspect="auto", cmap="Purples", vmin=limits[0], vmax=limits[1])
    for row in rows.dropna(subset=f"mean_{quantity}").to_dict("records"):
        mean, error = row[f"mean_{quantity}"], row[f"stderr_{quantity}"]
        spread = "" if pd.isna(error) else f" ± {factor * error:.1f}"
        place = (strengths.index(row["alpha_test"]), parts.index(row["part"]))
        colour = "white" if mean > DARK * limits[1] else "black"
        shown = round(factor * mean, 1) + 0.0  # no minus in front of 0.0
        axes.text(*place, f"{shown:.1f}{spread}", ha="center", va="center", fontsize="xx-small", color=colour)
    axes.set_yticks(range(len(parts)), parts, fontsize="x-small")
    axes.set_xticks(range(len(strengths)), [spelled(strength) for strength in strengths], fontsize="x-small")
