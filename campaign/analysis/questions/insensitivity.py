"""Published insensitivity to mismatch

**Is the published insensitivity reproduced?** Accuracy under mismatch, noise relative to each weight, of the methods of
Büchel, Faber and Muir 2022 (ICLR), table 1. Solid: the networks here, mean and standard error over seeds. Dashed: the
published means. The table `published_insensitivity` has both, and `comparison.md` shows them.
"""

import json
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import panels
from campaign.analysis import tables as core
from campaign.analysis.questions import Runs
from campaign.analysis.statistics import standard_error
from studies.parts.insensitivity import METHODS, NETWORKS, PUBLISHED, STRENGTHS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("published_insensitivity",)
COLUMNS = {
    "method": "method of the published table",
    "split": "how the dataset is divided into training and test, where it says so",
    "published_mean": "published test accuracy, 0 to 1: mean over draws and two networks",
    "published_std": "published standard deviation over draws and networks together",
}
CELL = ["dataset", "split", "method", "options", "alpha_test"]
COLOURS = dict(zip(METHODS, ("#000000", "#999999", "#E69F00", "#009E73", "#56B4E9", "#D55E00"), strict=True))


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`published_insensitivity`: a row per cell of runs with a published method, at each published strength."""
    sweep = core.with_settings(core.of(runs.sweep), runs.per_run)
    rows = [row | _place(row) for row in sweep.to_dict("records") if _is_its(row)]
    its = pd.DataFrame([row for row in rows if row["method"] is not None])
    if its.empty:
        return {}
    answers = []
    for values, cell in its.groupby(CELL, dropna=False):
        key = dict(zip(CELL, values, strict=True))
        mean, std = PUBLISHED[key["dataset"]][key["method"]][STRENGTHS.index(key["alpha_test"])]
        seeds = {"n_seeds": len(cell), "mean_acc": cell["acc"].mean()}
        seeds["stderr_acc"] = standard_error(cell["acc"].std(), len(cell))
        answers.append(key | seeds | {"published_mean": mean / 100, "published_std": std / 100})
    return {"published_insensitivity": pd.DataFrame(answers)}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`published_insensitivity`: a panel per dataset and split, a line per method, the published one dashed."""
    if "published_insensitivity" not in tables:
        return {}
    every = tables["published_insensitivity"]
    its = every.assign(panel=every["dataset"] + " " + every["split"])
    figure, by_name = panels.make_panels(sorted(set(its["panel"])))
    for (name, method), line in its.groupby(["panel", "method"]):
        axes, colour = by_name[name], COLOURS[method]
        for _, part in line.groupby("options"):
            at, mean, error = part["alpha_test"], 100 * part["mean_acc"], 100 * part["stderr_acc"].fillna(0)
            axes.errorbar(at, mean, error, marker="o", capsize=3, label=method, color=colour)
        axes.plot(part["alpha_test"], 100 * part["published_mean"], "--", color=colour)
    for name, axes in by_name.items():
        axes.set_title(name, fontsize="medium")
        axes.grid(alpha=0.25)
    panels.label_panels(figure, by_name, "test accuracy (%)", "mismatch ζ")
    return {"published_insensitivity": panels.finish(figure, its, "points: mean ± standard error; dashed: published")}


def report(tables: dict[str, pd.DataFrame]) -> str:
    """Nothing: `comparison.md` has the table."""
    return ""


def _is_its(row: dict) -> bool:
    mismatch = json.loads(row["settings"]).get("noise_model") == "magnitude"
    return mismatch and NETWORKS.get(row["dataset"]) == row["architecture"] and row["alpha_test"] in STRENGTHS


def _place(row: dict) -> dict:
    """The method of a run, None for another one, the split of its data, and its options."""
    options = row.get("options", "{}")
    matching = [
        name for name, its in METHODS.items() if all(row.get(setting, 0) == value for setting, value in its.items())
    ]
    split = json.loads(options).get(row["dataset"], {}).get("split", "")
    return {"method": matching[0] if matching else None, "split": split, "options": options}
