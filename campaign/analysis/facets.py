"""The panels of figures of curves: one per architecture, and per way of measuring where an evaluation had several.

Strengths with different meanings, such as α relative to each weight and to the largest weight, share no axis.
"""

from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import labels, panels, style
from campaign.analysis.looks import Looks, in_order, lines_of
from nnet.evaluations.parts.wanted import WEIGHT_NOISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYS = ["architecture", "settings"]
"""The columns of a table that tell panels apart."""
SETTINGS = ("settings",)
"""What lines of one panel do not differ in."""
Facet = tuple[str, str]
"""Architecture, and settings of the evaluation as tables have them."""


def facets(cells: pd.DataFrame, evaluation: str = WEIGHT_NOISE) -> dict[Facet, str]:
    """The panels in order, and their titles; `cells`: rows of one evaluation."""
    names, ways = style.current().names, labels.ways(cells, evaluation)
    known = set(zip(cells["architecture"], cells["settings"], strict=True))
    return {
        (architecture, way): ", ".join(
            [title, *(names.setting(*one) for one in ways[way].items() if one[1] is not None)]
        )
        for architecture, title in panels.named(cells, "architecture").items()
        for way in in_order(cells, [*SETTINGS])["settings"]
        if (architecture, way) in known
    }


def make_panels(cells: pd.DataFrame, evaluation: str = WEIGHT_NOISE) -> "tuple[Figure, dict[Facet, Axes]]":
    """A figure with these panels; those of one architecture share a row where there is room."""
    titles, ways = facets(cells, evaluation), cells["settings"].nunique()
    usual = style.current().columns(len(titles))
    return panels.make_panels(titles, min(ways, usual) if ways > 1 else usual)


def inside(rows: pd.DataFrame, facet: Facet) -> pd.DataFrame:
    """The rows that a panel shows."""
    architecture, way = facet
    return rows[(rows["architecture"] == architecture) & (rows["settings"] == way)]


def comparable(rows: pd.DataFrame, other: str, facet: Facet, evaluation: str) -> pd.DataFrame:
    """Those rows of the evaluation `other` that belong beside a panel: settings that both have are equal."""
    architecture, way = facet
    its = labels.of_evaluation(way, evaluation)
    agree = {
        settings: all(its.get(name, value) == value for name, value in labels.of_evaluation(settings, other).items())
        for settings in rows["settings"].unique()
    }
    return rows[(rows["architecture"] == architecture) & rows["settings"].map(agree)]


def draw_lines(every: pd.DataFrame, quantity: str) -> "tuple[Figure, dict[Facet, Axes]]":
    """In each panel a line per method: means of a quantity against α_test.

    `every`: results_summary.csv; its rows under weight noise are drawn.
    """
    cells = every[every["evaluation"] == WEIGHT_NOISE].drop(columns="evaluation")
    figure, by_facet = make_panels(cells)
    lines = lines_of(cells, Looks(every, without=SETTINGS))
    for facet, axes in by_facet.items():
        for look, rows in lines:
            line = rows.merge(inside(cells, facet)).sort_values("alpha_test")
            panels.draw_line(axes, line, "alpha_test", quantity, cells["n_seeds"].max(), look)
    return figure, by_facet
