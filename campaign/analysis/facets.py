"""The panels of figures of curves: one per architecture, and per dataset and way of measuring where there are several.

Strengths with different meanings, such as α relative to each weight and to the largest weight, share no axis. Data that
differ in an option of their dataset are different datasets: see `campaign.analysis.labels.by_data`.
"""

from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import labels, panels, style
from campaign.analysis.looks import Looks, in_order, lines_of
from nnet.evaluations.parts.wanted import WEIGHT_NOISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NETWORK = ["architecture", "dataset"]
"""The columns of a table that tell networks of `networks` apart."""
KEYS = [*NETWORK, "settings"]
"""The columns of a table that tell panels apart."""
SETTINGS = ("settings",)
"""What lines of one panel do not differ in."""
Network = tuple[str, str]
"""Architecture and dataset."""
Facet = tuple[str, str, str]
"""Architecture, dataset, and settings of the evaluation as tables have them."""


def networks(cells: pd.DataFrame) -> dict[Network, str]:
    """The architectures and datasets of these rows in order, and their titles."""
    known, datasets = set(zip(cells["architecture"], cells["dataset"], strict=True)), panels.named(cells, "dataset")
    return {
        (architecture, dataset): f"{title}, {data}" if len(datasets) > 1 else title
        for architecture, title in panels.named(cells, "architecture").items()
        for dataset, data in datasets.items()
        if (architecture, dataset) in known
    }


def facets(cells: pd.DataFrame, evaluation: str = WEIGHT_NOISE) -> dict[Facet, str]:
    """The panels in order, and their titles; `cells`: rows of one evaluation."""
    names, ways = style.current().names, labels.ways(cells, evaluation)
    known = set(cells[KEYS].itertuples(index=False, name=None))
    return {
        (*network, way): ", ".join([title, *(names.setting(*one) for one in ways[way].items() if one[1] is not None)])
        for network, title in networks(cells).items()
        for way in in_order(cells, [*SETTINGS])["settings"]
        if (*network, way) in known
    }


def make_panels(cells: pd.DataFrame, evaluation: str = WEIGHT_NOISE) -> "tuple[Figure, dict[Facet, Axes]]":
    """A figure with these panels; those of one architecture share a row where there is room."""
    titles, ways = facets(cells, evaluation), len(cells[["dataset", "settings"]].drop_duplicates())
    usual = style.current().columns(len(titles))
    return panels.make_panels(titles, min(ways, usual) if ways > 1 else usual)


def inside(rows: pd.DataFrame, place: Network | Facet) -> pd.DataFrame:
    """The rows of a network, or those that a panel shows."""
    return rows[(rows[KEYS[: len(place)]] == list(place)).all(axis=1)]


def comparable(rows: pd.DataFrame, other: str, facet: Facet, evaluation: str) -> pd.DataFrame:
    """Those rows of the evaluation `other` that belong beside a panel: settings that both have are equal."""
    architecture, dataset, way = facet
    its = labels.of_evaluation(way, evaluation)
    agree = {
        settings: all(its.get(name, value) == value for name, value in labels.of_evaluation(settings, other).items())
        for settings in rows["settings"].unique()
    }
    return inside(rows[rows["settings"].map(agree).astype(bool)], (architecture, dataset))


def draw_lines(every: pd.DataFrame, quantity: str) -> "tuple[Figure, dict[Facet, Axes]]":
    """In each panel a line per method: means of a quantity against α_test.

    `every`: results_summary.csv; its rows under weight noise are drawn.
    """
    every = labels.by_data(every)
    cells = every[every["evaluation"] == WEIGHT_NOISE].drop(columns="evaluation")
    figure, by_facet = make_panels(cells)
    lines = lines_of(cells, Looks(every, without=SETTINGS))
    for facet, axes in by_facet.items():
        for look, rows in lines:
            line = rows.merge(inside(cells, facet)).sort_values("alpha_test")
            panels.draw_line(axes, line, "alpha_test", quantity, cells["n_seeds"].max(), look)
    return figure, by_facet
