"""The last pass over a figure: no text overlaps another one, and none is cut off."""

from typing import TYPE_CHECKING

from campaign.analysis import style
from campaign.analysis.typesetting import wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROTATION = 45
LEAST, LEAST_SCALE = 1e-9, 0.05
"""Of the length of an axis: what is shorter shows rounding alone, and becomes this to both sides."""
GAP = 3
"""Points between the texts of two neighbouring ticks."""
LINES = 1.4
"""Distance of lines and of turned texts, in heights of their letters."""


def fit(figure: "Figure") -> None:
    """Lay a figure out; break its titles and the names of its axes into lines, turn or drop texts of ticks."""
    for axes in figure.axes:
        _widen(axes)
    _lay_out(figure)
    turned = any(_overlap(axes, figure.dpi) for axes in figure.axes)
    for axes in figure.axes if turned else ():
        axes.tick_params(axis="x", labelrotation=ROTATION)
        for text in axes.get_xticklabels():
            text.set(ha="right", rotation_mode="anchor")
    width, height = figure.get_size_inches()
    figure.supxlabel(wrap(figure.get_supxlabel(), 0.95 * width, style.TEXT), ma="center")
    figure.supylabel(wrap(figure.get_supylabel(), 0.7 * height, style.TEXT), ma="center")
    further: dict[int, int] = {}
    for axes in figure.axes:
        extent = axes.get_window_extent()
        across, up = extent.width / figure.dpi, extent.height / figure.dpi
        axes.set_title(wrap(axes.get_title(), 1.05 * across, style.TEXT))
        axes.set_xlabel(wrap(axes.get_xlabel(), 1.1 * across, style.TEXT))
        axes.set_ylabel(wrap(axes.get_ylabel(), 1.05 * up, style.TEXT), ma="center")
        place = axes.get_subplotspec()
        row = place.rowspan.start if place else 0
        further[row] = max(further.get(row, 0), axes.get_title().count("\n"))
    figure.set_size_inches(width, height + LINES * style.TEXT / 72 * sum(further.values()))
    for _ in range(2):  # the second time with the places of ticks that the first one chose
        _lay_out(figure)
    for axes in figure.axes if turned else ():
        _thin(axes, figure.dpi)
    _centre(figure)
    figure.set_layout_engine("none")  # it is laid out: every file that is written of it looks the same


def _lay_out(figure: "Figure") -> None:
    """Place all panels and texts, as drawing would."""
    engine = figure.get_layout_engine()
    if engine is None:
        figure.draw_without_rendering()
    else:
        engine.execute(figure)


def _widen(axes: "Axes") -> None:
    """Give an axis on which all values are the same, but for rounding, a scale that is no rounding error."""
    for limits, set_limits in ((axes.get_xlim(), axes.set_xlim), (axes.get_ylim(), axes.set_ylim)):
        if abs(limits[1] - limits[0]) < LEAST:
            set_limits(limits[0] - LEAST_SCALE, limits[0] + LEAST_SCALE)


def _centre(figure: "Figure") -> None:
    """Place the name of the vertical axis that all panels share beside them: a legend above them may be tall."""
    boxes = [axes.get_position() for axes in figure.axes]
    name = next((text for text in figure.texts if text.get_text() == figure.get_supylabel() != ""), None)
    if boxes and name is not None:
        middle = (min(box.y0 for box in boxes) + max(box.y1 for box in boxes)) / 2
        half = name.get_window_extent().height / figure.bbox.height / 2
        name.set_y(max(half, min(1 - half, middle)))


def _overlap(axes: "Axes", dpi: float) -> bool:
    boxes = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text() and text.get_visible()]
    return any(right.x0 - left.x1 < GAP * dpi / 72 for left, right in zip(boxes, boxes[1:], strict=False))


def _thin(axes: "Axes", dpi: float) -> None:
    """Hide texts of turned ticks that stand too close, of numbers only: each place keeps its tick."""
    last = -float("inf")
    for tick in axes.xaxis.get_major_ticks():
        place, text = axes.transData.transform((tick.get_loc(), 0))[0], tick.label1
        if not _is_number(text.get_text()):
            continue
        if place - last < LINES * style.SMALL * dpi / 72:
            text.set_visible(False)
        else:
            last = place


def _is_number(text: str) -> bool:
    try:
        float(text.replace("−", "-"))
    except ValueError:
        return False
    return True
