"""Figures of what is measured beside accuracy under Gaussian weight noise."""

import pandas as pd
from matplotlib.figure import Figure

from campaign.analysis import panels as drawing
from campaign.analysis import tables

ZETA_AXIS = "how far weights are moved, ζ (relative to each weight)"
PLACE_AXIS = "place a along random directions d: θ + a·d"


def all_of(summary: pd.DataFrame, per_run: pd.DataFrame, note: str = "") -> dict[str, Figure]:
    """The figures whose data results_summary.csv has, by name; `per_run`: results_per_run.csv."""
    found = {name: tables.of(summary, name) for name in set(summary.get("evaluation", ()))}
    figures = {}
    if "worst_case" in found:
        figures["worst_case"] = worst_case(found["worst_case"], found.get("random_corners"), note)
    if "landscape" in found:
        figures["landscape"] = landscape(found["landscape"], per_run, note)
    if "quantization" in found:
        figures["quantization"] = quantization(found["quantization"], note)
    return figures


def worst_case(summary: pd.DataFrame, corners: pd.DataFrame | None = None, note: str = "") -> Figure:
    """Mean test accuracy in % against ζ: where an adversary moves the weights, and at random corners, dashed.

    A panel per architecture, a line per regime and setting; both as `campaign.analysis.tables.of` gives them.
    """
    figure, panels = drawing.panels_of_lines(summary, "acc")
    for architecture, axes in panels.items():
        for _, rows, colour, _ in drawing.lines_of(summary) if corners is not None else ():
            by_chance = rows.merge(corners[corners["architecture"] == architecture]).sort_values("alpha_test")
            axes.plot(by_chance["alpha_test"], 100 * by_chance["mean_acc"], "--", color=colour, linewidth=1)
        drawing.alpha_axis(axes, summary)
    drawing.label_panels(figure, panels, "test accuracy (%)", ZETA_AXIS)
    dashed = "" if corners is None else "; dashed: random corners of the same box"
    return drawing.finish(figure, summary, f"points: mean ± standard error at the worst weights found{dashed}", note)


def landscape(summary: pd.DataFrame, per_run: pd.DataFrame, note: str = "") -> Figure:
    """Mean test loss along random directions through the weights, with the mean slope of each line in its label.

    A panel per architecture, a line per regime and setting, bands of the standard error over seeds.
    """
    figure, panels = drawing.make_panels(drawing.names_in(summary, "architecture"))
    for architecture, axes in panels.items():
        for label, rows, colour, _ in drawing.lines_of(summary):
            line = rows.merge(summary[summary["architecture"] == architecture]).sort_values("alpha_test")
            slopes = _slopes(rows, per_run[per_run["architecture"] == architecture])
            mean, error = line["mean_loss"], line["stderr_loss"]
            axes.plot(line["alpha_test"], mean, color=colour, label=f"{label}: slope {slopes.mean():.3f}")
            axes.fill_between(line["alpha_test"], mean - error, mean + error, color=colour, alpha=0.2, linewidth=0)
        axes.set_title(architecture, fontsize="medium")
        axes.grid(alpha=0.25)
    drawing.label_panels(figure, panels, "test loss (nats)", PLACE_AXIS)
    return drawing.finish(figure, summary, "bands: mean ± standard error", note)


def quantization(summary: pd.DataFrame, note: str = "") -> Figure:
    """Mean test accuracy in % against the bits of a weight: a panel per architecture, a line per regime and setting."""
    figure, panels = drawing.panels_of_lines(summary, "acc")
    for axes in panels.values():
        axes.set_xticks(sorted(summary["alpha_test"].unique()))
        axes.grid(alpha=0.25)
    drawing.label_panels(figure, panels, "test accuracy (%)", "bits of a weight")
    return drawing.finish(figure, summary, "points: mean ± standard error", note)


def _slopes(settings: pd.DataFrame, per_run: pd.DataFrame) -> pd.Series:
    """The slopes of the runs that have the settings of one line."""
    known = [name for name in settings if name in per_run]
    return per_run.merge(settings[known].astype(per_run.dtypes[known]), on=known)["landscape_slope"]
