"""Accuracy with corrupted pixels

In training each pixel is replaced with probability p, anew every time an image is seen. Test images are clean unless a
column says `corrupt_test`. Bars are standard errors over seeds.

**Does corrupting pixels help?** The table shows the accuracy at p minus the accuracy at p = 0, seed by seed (runs of
one seed share initial weights and batch order), with 95 % intervals (Student t over seeds); 1 = 100 %. If an interval
contains zero, the data do not show a difference.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaign.analysis import panels, style
from campaign.analysis import tables as core
from campaign.analysis.looks import Look, Looks, lines_of
from campaign.analysis.questions import Runs
from campaign.analysis.statistics import paired_differences

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = ("pixel_differences",)
NO_LEGEND = "_nolegend_"
"""matplotlib shows no label that begins with an underscore."""
P_AXIS = "probability that a pixel is corrupted in training, p"
LIMITS = """Corruption of other kinds (blur, weather, an adversary) is not measured. Test images are clean unless a
column says `corrupt_test`: the figures show what corruption in training changes on clean images."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`pixel_differences`: accuracy without weight noise at each p minus that at p = 0."""
    if runs.per_run["p"].nunique() < 2:
        return {}
    sweep = core.with_settings(core.of(runs.sweep), runs.per_run)
    clean = sweep[sweep["alpha_test"] == 0]
    return {"pixel_differences": paired_differences(clean, "acc", "p", 0, runs.resolution)}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`pixels`, with a panel per activation, and `pixels_by_activation`, with all activations in one panel."""
    every = tables["results_summary"]
    summary = core.of(every)
    cells = summary[summary["alpha_test"] == 0]
    if cells["p"].nunique() < 2:
        return {}
    return {"pixels": accuracy_against_p(cells, every), "pixels_by_activation": activations_against_p(cells, every)}


def report(tables: dict[str, pd.DataFrame]) -> str:
    """Nothing: the mean accuracies that every campaign prints say it."""
    return ""


def accuracy_against_p(cells: pd.DataFrame, every: pd.DataFrame) -> "Figure":
    """Mean test accuracy in % against p: a row of panels per architecture, a panel per activation, a line per setting.

    `every`: results_summary.csv; `cells`: its rows without weight noise.
    """
    activations, looks = panels.named(cells, "activation"), Looks(every, without=("activation", "p"))
    lines = _lines(cells, looks)
    if len(lines) == 1:  # a legend would say of all panels that they show the same
        lines = [(replace(look, label=NO_LEGEND), rows) for look, rows in lines]
    titles = {
        (network, activation): f"{title}, {name}"
        for network, title in panels.named(cells, "architecture").items()
        for activation, name in activations.items()
    }
    figure, by_name = panels.make_panels(titles, len(activations))
    for (network, activation), axes in by_name.items():
        here = cells[(cells["architecture"] == network) & (cells["activation"] == activation)]
        _draw(axes, here, lines, cells["n_seeds"].max())
    return _finish(figure, by_name, cells)


def activations_against_p(cells: pd.DataFrame, every: pd.DataFrame) -> "Figure":
    """Mean test accuracy in % against p: a panel per architecture, a line per activation and setting.

    `every`: results_summary.csv; `cells`: its rows without weight noise.
    """
    figure, by_name = panels.make_panels(panels.named(cells, "architecture"))
    looks = Looks(every, without=("p",))
    for network, axes in by_name.items():
        here = cells[cells["architecture"] == network]
        _draw(axes, here, _lines(cells, looks), cells["n_seeds"].max())
    return _finish(figure, by_name, cells)


def _lines(cells: pd.DataFrame, looks: Looks) -> list[tuple[Look, pd.DataFrame]]:
    """The lines of these rows. A regime that all share is left out: "without noise" could be read as "clean pixels"."""
    lines = lines_of(cells, looks)
    regimes = [f"{style.current().names.of('regime', name)}, " for name in cells["regime"].unique()]
    if len(regimes) > 1 or not all(look.label.startswith(regimes[0]) for look, _ in lines):
        return lines
    return [(replace(look, label=look.label.removeprefix(regimes[0])), rows) for look, rows in lines]


def _draw(axes: "Axes", cells: pd.DataFrame, lines: list[tuple[Look, pd.DataFrame]], most: int) -> None:
    for look, rows in lines:
        panels.draw_line(axes, rows.merge(cells).sort_values("p"), "p", "acc", most, look)


def _finish(figure: "Figure", by_name: "dict[Any, Axes]", cells: pd.DataFrame) -> "Figure":
    for axes in by_name.values():
        axes.set_xticks(sorted(cells["p"].unique()))
        axes.grid(alpha=0.25)
    panels.label_panels(figure, by_name, panels.QUANTITIES["acc"][0], P_AXIS)
    return panels.finish(figure, cells, "test accuracy of networks trained on corrupted pixels", panels.STANDARD_ERRORS)
