"""Every plot of a campaign, drawn from its tables alone.

    python -m campaign.analysis.figures [--output-dir results] [folder ...]

writes each figure as PNG and PDF under <output_dir>/<folder>/figures/. The functions take DataFrames as
`campaign.analysis.tables.read` gives them and return matplotlib figures. Error bars are standard errors over seeds;
points that miss seeds are hollow. Colours are Okabe and Ito's, which colour-blind people can tell apart.
"""

import argparse
import sys
from itertools import cycle
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaign.analysis import epoch_figures, evaluation_figures, labels, pnn_figures, tables
from campaign.analysis import panels as drawing
from campaign.analysis.statistics import DIFFERENCE, paired_differences
from campaign.store.folder import completeness

P_AXIS = "probability that a pixel is corrupted in training, p"


def accuracy_against_alpha(summary: pd.DataFrame, note: str = "") -> Figure:
    """Mean test accuracy in % against α_test: a panel per architecture, a line per regime and α_train."""
    return _against_alpha(summary, "acc", "test accuracy (%)", note)


def drop_against_alpha(summary: pd.DataFrame, note: str = "") -> Figure:
    """Mean drop (percentage points) against α_test: a panel per architecture, a line per regime and α_train."""
    return _against_alpha(summary, "drop", "accuracy drop (percentage points)", note)


def drop_at(summary: pd.DataFrame, alpha_test: float = 0.1, note: str = "") -> Figure:
    """Mean drop (percentage points) at one α_test: a group of bars per architecture, a bar per regime and α_train."""
    cells = summary[(summary["alpha_test"] == alpha_test) & (summary["n_seeds"] > 0)]
    lines, architectures = drawing.lines_of(summary), drawing.names_in(summary, "architecture")
    figure = Figure(figsize=(max(5.0, 1.6 * len(architectures) + 2), 3.8), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(1, len(lines))
    for index, (label, rows, colour, _) in enumerate(lines):
        bars = rows.merge(cells, how="inner").set_index("architecture")
        places = [architectures.index(name) + (index - (len(lines) - 1) / 2) * width for name in bars.index]
        errors = 100 * bars["stderr_drop"]
        axes.bar(places, 100 * bars["mean_drop"], width, yerr=errors, label=label, color=colour, alpha=0.55, capsize=3)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks(range(len(architectures)), architectures)
    axes.set_ylabel("accuracy drop (percentage points)")
    axes.set_title(f"Accuracy drop at α_test = {alpha_test:g}", fontsize="medium")
    if lines:
        drawing.place_legend(figure, axes)
    return drawing.finish(figure, summary, "bars: mean ± standard error", note)


def paired_difference(sweep: pd.DataFrame, note: str = "") -> Figure:
    """Accuracy of each regime minus that of clean, seed by seed, against α_test, with 95 % intervals (Student t).

    `sweep`: as `campaign.analysis.tables.with_settings` gives it. A panel per architecture; in percentage points; above
    zero the regime is better than clean.
    """
    differences = paired_differences(sweep)
    keys = [name for name in differences.columns if name not in (*DIFFERENCE, "architecture", "alpha_test")]
    figure, panels = drawing.make_panels(drawing.names_in(differences, "architecture"))
    for architecture, axes in panels.items():
        here = differences[differences["architecture"] == architecture]
        lines = here.groupby(keys, dropna=False)
        for (_, line), colour, marker in zip(
            lines, cycle(drawing.COLOURS[1:]), cycle(drawing.MARKERS[1:]), strict=False
        ):
            middle = 100 * line["mean_difference"]
            bars = 100 * (line["high"] - line["mean_difference"])
            label = labels.label_of(line.iloc[0], labels.varied_settings(differences, keys)) + " − clean"
            axes.errorbar(line["alpha_test"], middle, bars, color=colour, marker=marker, ms=4, capsize=3, label=label)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_title(architecture, fontsize="medium")
        drawing.alpha_axis(axes, differences)
    drawing.label_panels(figure, panels, "difference in accuracy\n(percentage points)")
    return drawing.finish(
        figure, differences, "bars: 95 % interval of the paired difference (Student t over seeds)", note
    )


def accuracy_against_p(summary: pd.DataFrame, note: str = "") -> Figure:
    """Mean test accuracy in %, without weight noise, against p.

    A row of panels per architecture, a panel per activation, a line per regime and α_train.
    """
    cells = summary[summary["alpha_test"] == 0]
    activations = drawing.names_in(cells, "activation")
    panels = [
        (architecture, activation)
        for architecture in drawing.names_in(cells, "architecture")
        for activation in activations
    ]
    figure, axes = drawing.make_panels(
        [f"{architecture}, {activation}" for architecture, activation in panels], len(activations)
    )
    for (architecture, activation), here in zip(panels, axes.values(), strict=True):
        inside = (cells["architecture"] == architecture) & (cells["activation"] == activation)
        _draw_against_p(here, cells[inside], drawing.lines_of(cells, ["activation", "p"]), cells["n_seeds"].max())
    return _finish_against_p(figure, axes, cells, note)


def activations_against_p(summary: pd.DataFrame, note: str = "") -> Figure:
    """Mean test accuracy in %, without weight noise, against p.

    A panel per architecture, a line per activation, regime and α_train.
    """
    cells = summary[summary["alpha_test"] == 0]
    figure, panels = drawing.make_panels(drawing.names_in(cells, "architecture"))
    for architecture, axes in panels.items():
        inside = cells["architecture"] == architecture
        _draw_against_p(axes, cells[inside], drawing.lines_of(cells, ["p"]), cells["n_seeds"].max())
    return _finish_against_p(figure, panels, cells, note)


def shows_weight_noise(summary: pd.DataFrame) -> bool:
    """Whether there is accuracy under weight noise to be drawn."""
    return summary.empty or bool((summary["alpha_test"] > 0).any())


def shows_pixels(summary: pd.DataFrame) -> bool:
    """Whether there are several p to be drawn."""
    return summary["p"].nunique() > 1


def save_all(folder: Path) -> list[Path]:
    """Draw the figures whose data a results folder has, as PNG and PDF under `folder`/figures; the PNGs' paths."""
    made = tables.read(folder)
    per_run, sweep, summary = (tables.of(made[name]) for name in tables.NAMES)
    watched = {name: made[name] for name in tables.WATCHED if name in made}
    note = completeness(folder)
    figures = {}
    if shows_weight_noise(summary):
        figures |= {
            "accuracy": accuracy_against_alpha(summary, note),
            "drop": drop_against_alpha(summary, note),
            "drop_at_01": drop_at(summary, 0.1, note),
            "paired_difference": paired_difference(tables.with_settings(sweep, per_run), note),
        }
    if shows_pixels(summary):
        figures |= {
            "pixels": accuracy_against_p(summary, note),
            "pixels_by_activation": activations_against_p(summary, note),
        }
    if watched:
        figures |= epoch_figures.by_epoch(watched["epochs"], per_run, note)
        if not watched["differences"].empty:
            figures["against_baseline"] = epoch_figures.against_baseline(watched["differences"], note)
        if "smoothed_acc" in watched["epochs"]:
            figures["smoothed_accuracy"] = pnn_figures.claimed(watched["epochs"], per_run, note)
    if "level_differences" in made:
        figures["level_differences"] = pnn_figures.against_level_0(made["level_differences"], summary, note)
    figures |= evaluation_figures.all_of(made["results_summary"], per_run, note)
    (folder / "figures").mkdir(exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=150, metadata={"Software": None})
        figure.savefig(folder / "figures" / f"{name}.pdf", metadata={"CreationDate": None})
    return [folder / "figures" / f"{name}.png" for name in figures]


def _against_alpha(summary: pd.DataFrame, quantity: str, axis: str, note: str) -> Figure:
    figure, panels = drawing.panels_of_lines(summary, quantity)
    for axes in panels.values():
        drawing.alpha_axis(axes, summary)
    drawing.label_panels(figure, panels, axis)
    return drawing.finish(figure, summary, "points: mean ± standard error", note)


def _draw_against_p(
    axes: Axes, cells: pd.DataFrame, lines: list[tuple[str, pd.DataFrame, str, str]], most: int
) -> None:
    for label, rows, colour, marker in lines:
        drawing.draw_line(axes, rows.merge(cells).sort_values("p"), "p", "acc", most, label, colour, marker)


def _finish_against_p(figure: Figure, panels: dict[str, Axes], cells: pd.DataFrame, note: str) -> Figure:
    for title, axes in panels.items():
        axes.set_title(title, fontsize="medium")
        axes.set_xticks(sorted(cells["p"].unique()))
        axes.tick_params(axis="x", labelsize="small")
        axes.grid(alpha=0.25)
    drawing.label_panels(figure, panels, "test accuracy (%)", P_AXIS)
    return drawing.finish(figure, cells, "points: mean ± standard error", note)


def main(arguments: list[str] | None = None) -> int:
    """Write the figures of the named folders, or of all that have tables; prints their paths."""
    parser = argparse.ArgumentParser(prog="python -m campaign.analysis.figures", description=main.__doc__)
    parser.add_argument(
        "folders", nargs="*", help='such as "mnist" or "pixels/mnist"; default: all in the output folder'
    )
    parser.add_argument("--output-dir", default="results", help="where campaigns write (default: results)")
    flags = parser.parse_args(arguments)
    root = Path(flags.output_dir)
    found = sorted(str(path.parent.relative_to(root)) for path in root.rglob("results_summary.csv"))
    names = flags.folders or found
    missing = [name for name in names if name not in found]
    if missing or not names:
        print(f"error: no tables in {root / missing[0] if missing else root}; run a campaign first", file=sys.stderr)
        return 2
    for name in names:
        for path in save_all(root / name):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
