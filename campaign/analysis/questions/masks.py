"""Masks of noise in the layers

**Do the masks of perturbative networks change accuracy?** Left: test accuracy of every network; without their masks
the networks have about the same number of weights. Right: pairs of runs that differ only in the level of the masks,
seed by seed, with 95 % intervals (Student t over seeds). If an interval contains zero, the data do not show a
difference. The table `published` shows the published experiments beside the runs with their settings.

**What would a running value over test batches have reported?** The last figure shows the accuracy on all test images
after every epoch, and the value that the first program for these networks reported for the same predictions: 0.7 of the
previous value plus 0.3 of the accuracy on the next batch. Dots mark its best epochs.
"""

import json
import math
import re
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import panels, style, typesetting
from campaign.analysis import rows as by_run
from campaign.analysis import tables as core
from campaign.analysis.excerpts import Shape
from campaign.analysis.labels import SETTINGS, flat_options, paired_text, varied
from campaign.analysis.questions import Runs
from campaign.analysis.statistics import paired_differences, standard_error
from nnet import registry
from nnet.architectures.parts.mask_options import NOISE_STD
from studies import pnn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("level_differences", "published")
COLUMNS = {
    "level": "factor of the masks, in units of the layer's input",
    "noise_std": "standard deviation of the masks before training times the level",
    "noise_type": "kind of the masks: uniform or normal",
    "experiment": "number of the published experiment, 1 to 8",
    "published_acc": "its test accuracy: one run, at the epoch that was best on the test images; empty for other data",
    "mean_acc": "mean test accuracy after the last epoch, over seeds",
    "stderr_acc": "its standard error over seeds",
}
CIFAR10 = re.compile("cifar10(?!0)", re.IGNORECASE)
"""The names of datasets for which the published accuracies hold."""
ROOM, LINE_HEIGHT = 1.5, 0.14
"""Inches, of the names of rows."""
PROPER, CLAIMED = "#0072B2", "#D55E00"
LIMITS = """Each published accuracy is that of one run, at the epoch that was best on the test images. Those here are
from the last epoch, and lower for that reason alone. Masks are noise on the inputs of layers, not on weights."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`level_differences` and `published`, each where there are runs for it."""
    options = {run_id: _options(run.shape) for run_id, run in zip(runs.per_run["run_id"], runs.excerpts, strict=True)}
    with_masks = {run_id: its for run_id, its in options.items() if "level" in its}
    rows = runs.sweep[runs.sweep["run_id"].isin(with_masks)]
    sweep = core.with_settings(core.of(rows), runs.per_run)
    sweep["noise_type"] = [with_masks[run_id].get("noise_type") for run_id in sweep["run_id"]]
    answers = {"level_differences": level_differences(sweep, runs.resolution), "published": published(runs)}
    return {name: table for name, table in answers.items() if not table.empty}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`level_differences`, and `smoothed_accuracy` where runs recorded the running value."""
    per_run, summary = tables["results_per_run"], core.of(tables["results_summary"])
    drawn = {}
    if "level_differences" in tables:
        drawn["level_differences"] = against_level_0(tables["level_differences"], summary)
    if "smoothed_acc" in tables.get("epochs", ()):
        drawn["smoothed_accuracy"] = claimed(tables["epochs"], per_run)
    return drawn


def report(tables: dict[str, pd.DataFrame]) -> str:
    """How masks change accuracy, in percentage points."""
    if "level_differences" not in tables:
        return ""
    title = "accuracy with masks minus that at level 0, percentage points, with 95 % intervals over seeds"
    columns = ["architecture", "options", "level", "alpha_test", "n_seeds"]
    return f"{title}\n{paired_text(tables['level_differences'], columns)}"


def level_differences(sweep: pd.DataFrame, resolution: float) -> pd.DataFrame:
    """Accuracy with masks of a level above 0 minus that at level 0, seed by seed, with 95 % intervals over seeds.

    `sweep`: the result of `campaign.analysis.tables.with_settings`, and `noise_type`, the kind of the masks. A row per
    α_test and setting with both levels; `noise_std` is the standard deviation of the masks before training times the
    level; in a first layer of masks it is `scale_noise` times larger.
    """
    differences = paired_differences(sweep, "acc", "level", 0, resolution)
    if differences.empty:
        return differences
    stds = [
        level * NOISE_STD[kind] for level, kind in zip(differences["level"], differences["noise_type"], strict=True)
    ]
    differences.insert(differences.columns.get_loc("level") + 1, "noise_std", stds)
    return differences


def published(runs: Runs) -> pd.DataFrame:
    """The published experiments that have runs, and the accuracies of these runs, 0 to 1.

    A row per experiment and setting: `experiment` (1 to 8), `published_acc` (one run, at the epoch that was best on the
    test images of CIFAR-10; empty for other data), the settings, `n_seeds`, `n_diverged`, and `mean_acc` and
    `stderr_acc` of the last epoch.
    """
    further = [name for name in runs.summary if name not in by_run.SUMMARY]
    settings = list(dict.fromkeys([*by_run.TRAINING, "options", "epochs", *further]))
    rows, shapes = [], {run.shape for run in runs.excerpts}
    parts: list = pnn.PARTS
    for number, (part, accuracy) in enumerate(zip(parts, pnn.PUBLISHED, strict=True), 1):
        options = part["options"].get(part["arch"], {})
        complete = registry.option_defaults("architectures", part["arch"]) | options
        of_part = {shape for shape in shapes if shape.training["arch"] == part["arch"] and _options(shape) == complete}
        is_its = [run.shape in of_part for run in runs.excerpts]
        its_runs = runs.per_run.loc[is_its].assign(options=json.dumps(options, sort_keys=True))
        for values, cell in its_runs.groupby(settings, dropna=False):
            setting = dict(zip(settings, values, strict=True))
            reported = accuracy / 100 if CIFAR10.match(setting["dataset"]) else math.nan
            rows.append({"experiment": number, "published_acc": reported} | setting | _reached(cell))
    return pd.DataFrame(rows)


def against_level_0(differences: pd.DataFrame, summary: pd.DataFrame) -> "Figure":
    """Left: test accuracy of every network in %; right: with masks minus at level 0, in points with 95 % intervals.

    `differences`, `summary`: level_differences.csv and results_summary.csv. Both are shown without weight noise.
    """
    cells = summary[summary["alpha_test"] == 0].sort_values("mean_acc").reset_index(drop=True)
    pairs = differences[differences["alpha_test"] == 0].sort_values("mean_difference").reset_index(drop=True)
    names = _row_names(cells, [_shown(cell) for _, cell in cells.iterrows()])
    names_of_pairs = _row_names(pairs, [_shown(pair) | {"level": pair["level"]} for _, pair in pairs.iterrows()])
    lines = 1 + max(name.count("\n") for name in [*names, *names_of_pairs])
    height = 0.7 + (0.1 + LINE_HEIGHT * lines) * max(len(names), len(names_of_pairs))
    beside = style.current().width > style.WIDTHS["single"]
    figure = panels.new_figure(height if beside else 2 * height)
    left, right = figure.subplots(1, 2) if beside else figure.subplots(2, 1)
    error = 100 * cells["stderr_acc"]
    left.errorbar(100 * cells["mean_acc"], cells.index, xerr=error, fmt="o", color=PROPER)
    left.set_xlabel("test accuracy (%)")
    half = 100 * (pairs["high"] - pairs["mean_difference"])
    right.errorbar(100 * pairs["mean_difference"], pairs.index, xerr=half, fmt="s", color=CLAIMED)
    right.axvline(0, color="black", linewidth=0.6)
    right.set_xlabel("accuracy with masks − at level 0 (percentage points)")
    for axes, rows in ((left, names), (right, names_of_pairs)):
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.grid(axis="x", alpha=0.25)
    return panels.finish(
        figure,
        cells,
        "test accuracy of networks with masks, and the difference that masks make, seed by seed",
        "first panel: mean ± standard error over seeds; second panel: mean paired difference with its 95 % interval "
        "(Student t over seeds)",
    )


def claimed(epochs: pd.DataFrame, per_run: pd.DataFrame) -> "Figure":
    """Test accuracy of every epoch in %, and the running value that the first program would have reported for it.

    `epochs`, `per_run`: epochs.csv and results_per_run.csv. A panel per setting, a line per seed; dots mark the best
    epochs of the running value, which is the value that was reported.
    """
    runs = per_run[per_run["run_id"].isin(epochs.loc[epochs["smoothed_acc"].notna(), "run_id"])]
    settings = ["architecture", *varied(runs, SETTINGS - {"architecture", "seed"})]
    cells = list(runs.groupby(settings, dropna=False))
    titles = [_title(dict(zip(settings, key, strict=True))) for key, _ in cells]
    figure, by_name = panels.make_panels(dict(zip(titles, titles, strict=True)))
    for (_, cell), axes in zip(cells, by_name.values(), strict=True):
        for run_id in cell.sort_values("seed")["run_id"]:
            run = epochs[epochs["run_id"] == run_id]
            best = run.loc[run["smoothed_acc"].idxmax()]
            axes.plot(run["epoch"], 100 * run["test_acc"], color=PROPER)
            axes.plot(run["epoch"], 100 * run["smoothed_acc"], "--", color=CLAIMED)
            axes.plot(best["epoch"], 100 * best["smoothed_acc"], "o", color=CLAIMED)
        axes.grid(alpha=0.25)
        panels.whole_numbers(axes)
    for axes in by_name.values():
        axes.plot([], [], color=PROPER, label="all test images")
        axes.plot([], [], "--o", color=CLAIMED, label="running value, and its best epoch")
    panels.label_panels(figure, by_name, "test accuracy (%)", "epoch")
    what = "test accuracy after every epoch, and the running value that the first program would have reported for it"
    return panels.describe(figure, epochs, what, "a line per seed; dots: best epoch of the running value")


def _options(shape: Shape) -> dict:
    """All options of the network in runs of this shape."""
    return shape.training["options"].get(shape.training["arch"], {})


def _reached(runs: pd.DataFrame) -> dict:
    accuracies = runs["acc_0"].dropna()
    n_seeds, n_diverged = len(accuracies), int((runs["status"] == "diverged").sum())
    error = standard_error(accuracies.std(), n_seeds) if n_seeds else math.nan
    return {"n_seeds": n_seeds, "n_diverged": n_diverged, "mean_acc": accuracies.mean(), "stderr_acc": error}


def _shown(row: pd.Series) -> dict:
    """The options of the network in a row of a table, by name."""
    return json.loads(row["options"]).get(row["architecture"], {})


def _row_names(rows: pd.DataFrame, options: list[dict]) -> list[str]:
    """For each row its architecture and, below, the options in which rows of that architecture differ."""
    names, texts = style.current().names, []
    for architecture, its_options in zip(rows["architecture"], options, strict=True):
        alike = [other for name, other in zip(rows["architecture"], options, strict=True) if name == architecture]
        words = [_word(*item) for item in its_options.items() if any(other.get(item[0]) != item[1] for other in alike)]
        lines = [names.of("architecture", architecture), ", ".join(words)]
        texts.append(
            "\n".join(typesetting.wrap(typesetting.typeset(line), ROOM, style.SMALL) for line in lines if line)
        )
    return texts


def _word(name: str, value: object) -> str:
    text = style.current().names.setting(name, True if isinstance(value, bool) else value)
    return f"no {text}" if value is False else text


def _title(settings: dict) -> str:
    architecture, options = settings.pop("architecture"), flat_options(settings.pop("options", "{}"))
    own = {name.removeprefix(f"{architecture}."): value for name, value in options.items()}
    words = [style.current().names.of("architecture", architecture)]
    return ", ".join([*words, *(_word(name, value) for name, value in (settings | own).items())])
