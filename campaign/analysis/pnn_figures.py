"""Figures of perturbative networks: what masks change, and what a published program would have claimed."""

import dataclasses
import json

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaign.analysis import panels as drawing
from campaign.analysis.labels import varied
from nnet.config import TrainConfig

PROPER, CLAIMED = "#0072B2", "#D55E00"


def against_level_0(differences: pd.DataFrame, summary: pd.DataFrame, note: str = "") -> Figure:
    """Left: test accuracy of every network in %; right: with masks minus at level 0, in points with 95 % intervals.

    `differences`, `summary`: level_differences.csv and results_summary.csv; both without weight noise.
    """
    cells = summary[summary["alpha_test"] == 0].sort_values("mean_acc").reset_index(drop=True)
    pairs = differences[differences["alpha_test"] == 0].sort_values("mean_difference").reset_index(drop=True)
    figure = Figure(figsize=(12, 1.6 + 0.45 * max(len(cells), len(pairs))), layout="constrained")
    left, right = figure.subplots(1, 2)
    error = 100 * cells["stderr_acc"]
    left.errorbar(100 * cells["mean_acc"], cells.index, xerr=error, fmt="o", color=PROPER, capsize=3)
    _name_rows(left, cells, [json.loads(options) for options in cells["options"]])
    left.set_xlabel("test accuracy (%)\nmean ± standard error")
    half = 100 * (pairs["high"] - pairs["mean_difference"])
    right.errorbar(100 * pairs["mean_difference"], pairs.index, xerr=half, fmt="o", color=CLAIMED, capsize=3)
    right.axvline(0, color="black", linewidth=0.8)
    levels = [json.loads(pair["options"]) | {"level": pair["level"]} for _, pair in pairs.iterrows()]
    _name_rows(right, pairs, levels)
    right.set_xlabel("accuracy with masks − at level 0\n(percentage points)")
    text = "right: 95 % interval of the paired difference (Student t over seeds)"
    return drawing.finish(figure, cells, text, note)


def claimed(epochs: pd.DataFrame, per_run: pd.DataFrame, note: str = "") -> Figure:
    """Test accuracy of every epoch in %, and the running value that a published program would have shown for it.

    `epochs`, `per_run`: epochs.csv and results_per_run.csv. A panel for each setting, a line for each seed; dots mark
    the best epochs of the running value, which is what was reported.
    """
    runs = per_run[per_run["run_id"].isin(epochs.loc[epochs["smoothed_acc"].notna(), "run_id"])]
    settings = ["architecture", *varied(runs, {field.name for field in dataclasses.fields(TrainConfig)} - {"seed"})]
    cells = list(runs.groupby(settings, dropna=False))
    titles = [_title(dict(zip(settings, key, strict=True))) for key, _ in cells]
    figure, panels = drawing.make_panels(titles)
    for (_, cell), axes in zip(cells, panels.values(), strict=True):
        for run_id in cell.sort_values("seed")["run_id"]:
            run = epochs[epochs["run_id"] == run_id]
            best = run.loc[run["smoothed_acc"].idxmax()]
            axes.plot(run["epoch"], 100 * run["test_acc"], color=PROPER, lw=1.2)
            axes.plot(run["epoch"], 100 * run["smoothed_acc"], "--", color=CLAIMED, lw=1)
            axes.plot(best["epoch"], 100 * best["smoothed_acc"], "o", color=CLAIMED, ms=4)
        axes.grid(alpha=0.25)
    for title, axes in panels.items():
        axes.set_title(title, fontsize="small")
        axes.plot([], [], color=PROPER, label="all test images")
        axes.plot([], [], "--o", color=CLAIMED, ms=4, label="running value, and its best epoch")
    drawing.label_panels(figure, panels, "test accuracy (%)", "epoch")
    figure.suptitle(drawing.title_of(epochs, "what the first program would have reported", note), fontsize="small")
    return figure


def _name_rows(axes: Axes, rows: pd.DataFrame, options: list[dict]) -> None:
    """Each row by its architecture and, below it, by what varies of the options that several rows of it have."""
    labels = []
    for architecture, own in zip(rows["architecture"], options, strict=True):
        alike = [other for name, other in zip(rows["architecture"], options, strict=True) if name == architecture]
        telling = [(name, value) for name, value in own.items() if any(other.get(name) != value for other in alike)]
        labels.append(f"{architecture}\n{' '.join(_word(*option) for option in telling)}".strip())
    axes.set_yticks(range(len(labels)), labels, fontsize="x-small")
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.grid(axis="x", alpha=0.25)


def _word(name: str, value: object) -> str:
    if isinstance(value, bool):
        return name if value else f"no {name}"
    return f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"


def _title(settings: dict) -> str:
    options = json.loads(settings.pop("options", "{}"))
    words = [settings.pop("architecture"), *(f"{name}={value}" for name, value in (settings | options).items())]
    return "\n".join(" ".join(words[start : start + 3]) for start in range(0, len(words), 3))
