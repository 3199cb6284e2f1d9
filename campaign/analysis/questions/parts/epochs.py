"""Figures of runs with validation images: epoch by epoch, and against their baseline."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from campaign.analysis import panels as drawing
from campaign.analysis import style, typesetting
from campaign.analysis.labels import SETTINGS, flat_options, is_said, varied
from campaign.analysis.statistics import pairs

KINDS = {"gradient": "#E69F00", "weight": "#56B4E9"}
BASELINE, NOISY = "#000000", "#D55E00"
FLAGS = ("gradient_plateau", "low_update", "val_plateau", "overfitting")
ROWS = {"loss": 3, "accuracy": 3, "difference": 1.6, "strength": 1.4, "flags": 1.2}
LABELS = {
    "loss": "loss (nats)",
    "accuracy": "validation accuracy (%)",
    "difference": "difference\n(points)",
    "strength": "strength\nof noise",
    "flags": "flags",
}
COLUMN_WIDTH, HEIGHT, LINE = 1.7, 7.0, 0.15
"""Inches: of a network and its baseline, and of a line of a name."""
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
    figures: dict[str, Figure] = {}
    most = int(style.current().width / COLUMN_WIDTH)
    for setting, group in noisy.groupby(of_noise, dropna=False):
        first = group.sort_values("seed").drop_duplicates(shared).sort_values(shared)
        seeds = ", ".join(map(str, sorted(first["seed"].unique())))
        named_noise = {"regime", *varied(noisy, of_noise), "alpha_train", "options"}
        words = _words({name: value for name, value in zip(of_noise, setting, strict=True) if name in named_noise})
        for start in range(0, len(first), most):
            number = len(figures) + 1
            drawn = _columns(epochs, first[start : start + most], named, words, f"seed {seeds}")
            figures["epochs" if number == 1 else f"epochs_{number}"] = drawn
    return figures


def against_baseline(differences: pd.DataFrame, measures: Mapping[str, str]) -> Figure:
    """Accuracy minus that of the baseline in percentage points, with 95 % intervals: one panel per measure.

    `measures`: the titles of the panels, by the values of the column `measure`.
    """
    known = differences[differences["n_seeds"] > 0]
    differences = known if len(known) else differences
    present = [name for name in measures if name in set(differences["measure"])]
    keys = varied(differences, SETTINGS) or ["architecture"]
    cells = differences[keys].drop_duplicates().reset_index(drop=True)
    beside = min(len(present), 4 if style.current().width > style.WIDTHS["single"] else 1)
    rows_of_panels = -(-len(present) // beside)
    texts = [typesetting.wrap(typesetting.typeset(_words(cell)), 1.6, style.SMALL) for cell in cells.to_dict("records")]
    row = max(0.25, LINE * (1 + max((text.count("\n") for text in texts), default=0)))
    figure = drawing.new_figure((0.7 + row * max(2, len(cells))) * rows_of_panels + 0.2)
    grid = list(figure.subplots(rows_of_panels, beside, sharex=True, sharey=True, squeeze=False).flat)
    for axes, measure in zip(grid, present, strict=False):
        rows = cells.merge(differences[differences["measure"] == measure], on=keys, how="left")
        middle = 100 * rows["mean_difference"]
        half = 100 * (rows["high"] - rows["mean_difference"])
        axes.errorbar(middle, cells.index, xerr=half, fmt="o", color=NOISY)
        axes.axvline(0, color="black", linewidth=0.6)
        axes.set_title(measures[measure])
        axes.grid(axis="x", alpha=0.25)
        axes.label_outer()
    grid[0].set_yticks(cells.index, texts)
    grid[0].set_ylim(len(cells) - 0.5, -0.5)
    figure.supxlabel("accuracy with noise − baseline (percentage points)")
    seeds = differences["n_seeds"]
    count = f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}"
    what = "accuracy of networks trained with noise minus that of their baseline, seed by seed"
    return drawing.describe(figure, differences, what, f"{drawing.INTERVALS}; n = {count} seeds")


def _columns(epochs: pd.DataFrame, runs: pd.DataFrame, named: list[str], method: str, seeds: str) -> Figure:
    figure = drawing.new_figure(HEIGHT)
    grid = figure.subplots(
        len(ROWS), len(runs), sharex="col", sharey="row", squeeze=False, height_ratios=list(ROWS.values())
    )
    for (_, settings), panels in zip(runs.iterrows(), grid.T, strict=True):
        run = epochs[epochs["run_id"] == settings["run_id"]]
        baseline = epochs[epochs["run_id"] == settings["run_id_reference"]]
        _draw(dict(zip(ROWS, panels, strict=True)), run, baseline)
        panels[0].set_title(typesetting.typeset(_words({name: settings[name] for name in named})))
    for name, axes in zip(ROWS, grid[:, 0], strict=True):
        axes.set_ylabel(LABELS.get(name, ""))
    for axes in grid[-1]:
        drawing.whole_numbers(axes)
    figure.align_ylabels(grid[:, 0])
    figure.supxlabel("epoch")
    drawing.place_legend(figure, *grid[0], title=method)
    what = f"losses, validation accuracy, strength of the noise and flags of every epoch: {method}, {seeds}"
    return drawing.describe(figure, epochs, what, "each column: one network and its baseline of the same seed")


def _draw(panels: dict[str, Axes], run: pd.DataFrame, baseline: pd.DataFrame) -> None:
    for label, rows, colour in (("baseline", baseline, BASELINE), ("with noise", run, NOISY)):
        panels["loss"].plot(rows["epoch"], rows["val_loss"], color=colour, label=f"{label}, validation")
        panels["loss"].plot(rows["epoch"], rows["train_loss"], "--", color=colour, label=f"{label}, training")
        panels["accuracy"].plot(rows["epoch"], 100 * rows["val_acc"], color=colour, label=label)
    difference = 100 * (run.set_index("epoch")["val_acc"] - baseline.set_index("epoch")["val_acc"])
    panels["difference"].axhline(0, color=BASELINE, lw=0.6)
    panels["difference"].plot(difference.index, difference, color=NOISY)
    for kind, colour in KINDS.items():
        noisy = run[run["noise"] == kind]
        panels["strength"].bar(noisy["epoch"], noisy["strength"], 1.0, color=colour)
        if "static_strength" in run:
            panels["strength"].plot(run["epoch"], run["static_strength"], color="black")
        for name, axes in panels.items():
            for place, epoch in enumerate(noisy["epoch"]):
                label = f"epochs with noise on the {kind}s" if name == "loss" and place == 0 else None
                axes.axvspan(epoch - 0.5, epoch + 0.5, color=colour, alpha=0.2, lw=0, label=label)
    _draw_flags(panels["flags"], run)
    for axes in panels.values():
        axes.grid(alpha=0.25)


def _draw_flags(axes: Axes, run: pd.DataFrame) -> None:
    for place, flag in enumerate(FLAGS):
        raised = run[run["flags"].fillna("").str.split().map(lambda flags, flag=flag: flag in flags)]
        axes.plot(raised["epoch"], [place] * len(raised), "|", color="black", ms=5)
    axes.set_yticks(range(len(FLAGS)), [flag.replace("_", " ") for flag in FLAGS])
    axes.set_ylim(-0.6, len(FLAGS) - 0.4)


def _words(settings: dict) -> str:
    """The names of these settings; what is switched off is left out."""
    names, words = style.current().names, []
    for name, value in settings.items():
        if name in ("architecture", "regime"):
            words.append(names.of(name, value))
        elif name == "options":
            words += [names.setting(*option) for option in flat_options(str(value)).items()]
        elif is_said(value):
            words.append(names.setting(name, value))
    return ", ".join(words)
