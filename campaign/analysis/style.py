"""How figures look: sizes for the columns of a paper, letters, colours, names, and the order of panels."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from campaign.analysis import names
from campaign.analysis.names import Names
from campaign.store import campaign_file

WIDTHS = {"single": 3.5, "double": 7.0}
"""Inches of one column and of two columns of a journal (IEEE, Nature, ACM: 3.3 to 3.5 and 6.9 to 7.2)."""
COLOURS = ("#000000", "#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, which colour-blind readers can tell apart, without the yellow, which is faint on white."""
MARKERS = "os^Dvp*X"
"""One more than colours: no two of the first 56 methods have the same colour and marker."""
COLUMNS = 3
"""Of panels, at most."""
TEXT, SMALL = 8, 7
"""Points, at the size at which the figure is printed: of axes and titles, and of ticks and legends."""
SETTINGS: dict[Any, Any] = {
    **dict.fromkeys(("font.size", "axes.labelsize", "axes.titlesize", "figure.labelsize", "figure.titlesize"), TEXT),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "legend.title_fontsize"), SMALL),
    **dict.fromkeys(("axes.linewidth", "xtick.major.width", "ytick.major.width", "grid.linewidth"), 0.6),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **{"lines.linewidth": 1.0, "lines.markersize": 3.5, "errorbar.capsize": 1.8, "savefig.dpi": 200},
    **{"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "figures"},
}
"""What differs from matplotlib's own settings. Letters stay letters: TrueType in PDF, text in SVG."""


@dataclass(frozen=True)
class Style:
    """What figures of one folder have in common."""

    width: float = WIDTHS["double"]
    """Inches."""
    names: Names = field(default_factory=names.shipped)
    order: Mapping[str, Sequence] = field(default_factory=dict)
    """The values of columns in the order of the configuration, by column."""

    def columns(self, panels: int) -> int:
        """The number of columns in which this number of panels stands."""
        if self.width > WIDTHS["single"]:
            return 2 if panels == 4 else max(1, min(COLUMNS, panels))
        return 1 if panels < 3 else 2

    def in_order(self, column: str, values: pd.Series) -> list:
        """The distinct values of a column: those of the configuration in its order, then the others, sorted."""
        known = {value: place for place, value in enumerate(self.order.get(column, ()))}
        return sorted(values.unique(), key=lambda value: (known.get(value, len(known)), value))


_current: ContextVar[Style | None] = ContextVar("style", default=None)


def current() -> Style:
    """The style of the figures that are being drawn."""
    return _current.get() or Style()


def of_folder(folder: Path | None, width: str, per_run: pd.DataFrame) -> Style:
    """The style of a results folder's figures; `per_run`: its results_per_run.csv. Without a folder, the usual names.

    Raises ConfigError for a wrong labels.toml.
    """
    called = names.shipped() if folder is None else names.of_folder(folder)
    if len(per_run) and (per_run["epochs"] == 0).all():
        called = called.of_given()
    if folder is None:
        return Style(WIDTHS[width], called)
    places = {run_id: place for place, run_id in enumerate(campaign_file.read(folder).get("runs", []))}
    runs = per_run[per_run["run_id"].isin(places)]
    runs = runs.sort_values("run_id", key=lambda column: column.map(places))
    order = {name: list(runs[name].unique()) for name in ("architecture", "activation", "regime")}
    return Style(WIDTHS[width], called, order)


@contextmanager
def used(style: Style) -> Iterator[None]:
    """Draw the figures of the `with` block, and save them, in this style."""
    import matplotlib

    token = _current.set(style)
    try:
        with matplotlib.rc_context(SETTINGS):
            yield
    finally:
        _current.reset(token)
