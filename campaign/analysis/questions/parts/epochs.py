"""Figures of runs with validation images: epoch by epoch, and against their baseline."""

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaign.analysis import panels as drawing
from campaign.analysis.labels import SETTINGS, flat_options, spelled, varied
from campaign.analysis.statistics import pairs

KINDS = {"gradient": "#E69F00", "weight": "#56B4E9"}
BASELINE, NOISY = "#000000", "#D55E00"
FLAGS = ("gradient_plateau", "low_update", "val_plateau", "overfitting")
ROWS = {"loss": 3, "accuracy": 3, "difference": 1.6, "strength": 1.4, "flags": 1.2}
LABELS = {
    "loss": "loss (nats)",
    "accuracy": "validation accuracy (%)",
    "difference": "− baseline\n(points)",
    "strength": "noise m",
}
WIDTH, LETTERS_PER_INCH = 4.2, 11
NOISE_SETTINGS = ("regime", "alpha_train", "noise_model", "options")


def by_epoch(epochs: pd.DataFrame, per_run: pd.DataFrame) -> dict[str, Figure]:
    """Loss, accuracy, noise and flags of every epoch, for the first seed: one figure per setting of the noise.

    `epochs`, `per_run`: epochs.csv and results_per_run.csv. A column of panels per network and optimizer shows the run
    with noise and its baseline of the same seed, with noisy epochs shaded; below are the strength of the noise and the
    flags that were up.
    """
    if "noise" not in epochs:
        return {}
    settings = [name for name in per_run if name in SETTINGS]
    runs = per_run.loc[per_run["run_id"].isin(epochs["run_id"]), ["run_id", *settings]]
    paired, _ = pairs(runs, ["run_id"])
    noisy = runs[runs["run_id"].isin(epochs.loc[epochs["strength"].notna(), "run_id"])]
    noisy = noisy.merge(paired[["run_id", "run_id_reference"]], on="run_id", how="left")
    of_noise = [name for name in NOISE_SETTINGS if name in settings]
    shared = [name for name in settings if name not in (*of_noise, "seed")]
    named = [name for name in shared if name in {"architecture", *varied(runs, shared)}]
    figures = {}
    for number, (setting, group) in enumerate(noisy.groupby(of_noise, dropna=False), 1):
        first = group.sort_values("seed").drop_duplicates(shared).sort_values(shared)
        seeds = ", ".join(map(str, sorted(first["seed"].unique())))
        named_noise = {"regime", *varied(noisy, of_noise), "alpha_train", "options"}
        words = _words({name: value for name, value in zip(of_noise, setting, strict=True) if name in named_noise})
        title = f"{words}; seed {seeds}"
        figures["epochs" if number == 1 else f"epochs_{number}"] = _columns(epochs, first, named, title)
    return figures


def against_baseline(differences: pd.DataFrame, measures: Mapping[str, str]) -> Figure:
    """Accuracy minus that of the baseline in percentage points, with 95 % intervals: one panel per measure.

    `measures`: the titles of the panels, by the values of the column `measure`.
    """
    present = [name for name in measures if name in set(differences["measure"])]
    keys = varied(differences, SETTINGS) or ["architecture"]
    cells = differences[keys].drop_duplicates().reset_index(drop=True)
    figure = drawing.new_figure(3 + 2.6 * len(present), 1.4 + 0.4 * len(cells))
    for axes, measure in zip(figure.subplots(1, len(present), sharey=True, squeeze=False)[0], present, strict=True):
        rows = cells.merge(differences[differences["measure"] == measure], on=keys, how="left")
        middle = 100 * rows["mean_difference"]
        half = 100 * (rows["high"] - rows["mean_difference"])
        axes.errorbar(middle, cells.index, xerr=half, fmt="o", color=NOISY, capsize=3)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(measures[measure].replace(", ", ",\n", 1), fontsize="small")
        axes.grid(axis="x", alpha=0.25)
    labels = [_wrapped(_words(cell)) for cell in cells.to_dict("records")]
    figure.axes[0].set_yticks(cells.index, labels, fontsize="small")
    figure.axes[0].invert_yaxis()
    figure.supxlabel("accuracy with noise − baseline (percentage points)", fontsize="medium")
    seeds = differences["n_seeds"]
    count = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    text = f"bars: 95 % interval of the paired difference (Student t over {count} seeds)"
    return drawing.set_title(figure, differences, text)


def _columns(epochs: pd.DataFrame, runs: pd.DataFrame, named: list[str], title: str) -> Figure:
    figure = drawing.new_figure(WIDTH * max(1.4, len(runs)), 9.6)
    grid = figure.subplots(
        len(ROWS), len(runs), sharex="col", sharey="row", squeeze=False, height_ratios=list(ROWS.values())
    )
    for (_, settings), panels in zip(runs.iterrows(), grid.T, strict=True):
        run = epochs[epochs["run_id"] == settings["run_id"]]
        baseline = epochs[epochs["run_id"] == settings["run_id_reference"]]
        _draw(dict(zip(ROWS, panels, strict=True)), run, baseline)
        panels[0].set_title(_wrapped(_words({name: settings[name] for name in named})), fontsize="medium")
    for name, axes in zip(ROWS, grid[:, 0], strict=True):
        axes.set_ylabel(LABELS.get(name, ""))
    for axes in grid[:2, 0]:
        axes.legend(fontsize="small")
    figure.supxlabel("epoch", fontsize="medium")
    shading = ", ".join(f"{'orange' if kind == 'gradient' else 'blue'}: {kind} noise" for kind in KINDS)
    return drawing.set_title(figure, epochs, f"{title}; {shading}")


def _draw(panels: dict[str, Axes], run: pd.DataFrame, baseline: pd.DataFrame) -> None:
    for label, rows, colour in (("baseline", baseline, BASELINE), ("with noise", run, NOISY)):
        panels["loss"].plot(rows["epoch"], rows["val_loss"], color=colour, label=f"{label}, validation")
        panels["loss"].plot(rows["epoch"], rows["train_loss"], "--", color=colour, lw=1, label=f"{label}, training")
        panels["accuracy"].plot(rows["epoch"], 100 * rows["val_acc"], color=colour, label=label)
    difference = 100 * (run.set_index("epoch")["val_acc"] - baseline.set_index("epoch")["val_acc"])
    panels["difference"].axhline(0, color=BASELINE, lw=0.8)
    panels["difference"].plot(difference.index, difference, color=NOISY)
    for kind, colour in KINDS.items():
        noisy = run[run["noise"] == kind]
        panels["strength"].bar(noisy["epoch"], noisy["strength"], 1.0, color=colour)
        if "static_strength" in run:
            panels["strength"].plot(run["epoch"], run["static_strength"], color="black", lw=1)
        for axes in panels.values():
            for epoch in noisy["epoch"]:
                axes.axvspan(epoch - 0.5, epoch + 0.5, color=colour, alpha=0.2, lw=0)
    _draw_flags(panels["flags"], run)
    for axes in panels.values():
        axes.grid(alpha=0.25)


def _draw_flags(axes: Axes, run: pd.DataFrame) -> None:
    for place, flag in enumerate(FLAGS):
        raised = run[run["flags"].fillna("").str.split().map(lambda flags, flag=flag: flag in flags)]
        axes.plot(raised["epoch"], [place] * len(raised), "|", color="black", ms=7)
    axes.set_yticks(range(len(FLAGS)), [flag.replace("_", " ") for flag in FLAGS], fontsize="small")
    axes.set_ylim(-0.6, len(FLAGS) - 0.4)


def _words(settings: dict) -> str:
    """Names of plug-ins without the setting's name, other settings with it."""
    words = []
    for name, value in settings.items():
        if name in ("architecture", "regime", "activation", "optimizer"):
            words.append(str(value))
        elif name == "alpha_train":
            words.append(f"α = {spelled(value)}")
        elif name == "options":
            options = flat_options(str(value))
            words += [f"{option.split('.')[-1]} {spelled(its)}" for option, its in options.items()]
        elif not pd.isna(value):
            words.append(f"{name} {spelled(value)}")
    return ", ".join(word for word in words if word)


def _wrapped(text: str) -> str:
    return textwrap.fill(text, int(LETTERS_PER_INCH * WIDTH))
