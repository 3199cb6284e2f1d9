"""Published insensitivity to mismatch

**Is the published insensitivity reproduced?** Accuracy under mismatch, noise relative to each weight, of the methods of
Büchel, Faber and Muir 2022 (ICLR), table 1. Solid: the networks here, mean and standard error over seeds. Dashed: the
published means. The table `published_insensitivity` has both, and `comparison.md` shows them.
"""

import json
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import facets, labels, panels, style
from campaign.analysis import tables as core
from campaign.analysis.looks import Look, Looks, shifts
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
    "difference_in_se": "mean_acc minus published_mean, in standard errors over our seeds",
}
CELL = ["dataset", "split", "method", "options", "alpha_test"]
LIMITS = """The published means are over two networks and 100 draws of each, without an interval over networks: the
data do not say whether a difference from them is chance."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`published_insensitivity`: a row per cell of runs with a published method, at each published strength."""
    sweep = core.of(runs.sweep)
    known = sweep["dataset"].map(NETWORKS).eq(sweep["architecture"]) & sweep["alpha_test"].isin(STRENGTHS)
    sweep = core.with_settings(sweep[known], runs.per_run)
    rows = [row | _place(row) for row in sweep.to_dict("records") if _is_mismatch(row)]
    its = pd.DataFrame([row for row in rows if row["method"] is not None])
    if its.empty:
        return {}
    answers = []
    for values, cell in its.groupby(CELL, dropna=False):
        key = dict(zip(CELL, values, strict=True))
        mean, std = PUBLISHED[key["dataset"]][key["method"]][STRENGTHS.index(key["alpha_test"])]
        seeds = {"n_seeds": len(cell), "mean_acc": cell["acc"].mean()}
        seeds["stderr_acc"] = standard_error(cell["acc"].std(), len(cell))
        published = {"published_mean": mean / 100, "published_std": std / 100}
        in_se = (seeds["mean_acc"] - mean / 100) / seeds["stderr_acc"] if seeds["stderr_acc"] else None
        answers.append(key | seeds | published | {"difference_in_se": in_se})
    return {"published_insensitivity": pd.DataFrame(answers)}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`published_insensitivity`: a panel per dataset and split, a line per method, the published one dashed."""
    if "published_insensitivity" not in tables:
        return {}
    its = tables["published_insensitivity"]
    names = style.current().names
    titles = {
        (dataset, split): f"{names.of('dataset', dataset)} {split}".strip()
        for dataset, split in sorted(set(zip(its["dataset"], its["split"].fillna(""), strict=True)))
    }
    figure, by_name = panels.make_panels(titles)
    summary = labels.by_data(tables["results_summary"])
    cells, looks = core.of(summary), Looks(summary, without=facets.SETTINGS)
    methods = [method for method in METHODS if method in set(its["method"])]
    for method, shift in zip(methods, shifts(len(methods), its), strict=True):
        look = _look(method, cells, looks, shift)
        for place, rows in its[its["method"] == method].fillna({"split": ""}).groupby(["dataset", "split"]):
            axes = by_name[place]
            for _, part in rows.groupby("options"):
                panels.draw_points(axes, part["alpha_test"], 100 * part["mean_acc"], 100 * part["stderr_acc"], look)
            axes.plot(part["alpha_test"], 100 * part["published_mean"], "--", color=look.colour)
    for axes in by_name.values():
        axes.set_xticks(STRENGTHS)
        axes.grid(alpha=0.25)
        panels.explain_dashes(axes, "published means")
    panels.label_panels(figure, by_name, "test accuracy (%)", "mismatch ζ (relative to each weight)")
    what = "test accuracy under mismatch, beside the values that Büchel, Faber and Muir (2022) published"
    return {"published_insensitivity": panels.finish(figure, its, what, panels.STANDARD_ERRORS)}


def _look(method: str, cells: pd.DataFrame, looks: Looks, shift: float) -> Look:
    """That of the first runs with this method in the other figures of the folder."""
    for setting, value in METHODS[method].items():
        cells = cells[cells[setting] == value] if setting in cells else cells
    return looks.of(cells.iloc[0], style.current().names.line(cells.iloc[0], ["dropout"]), shift)


def report(tables: dict[str, pd.DataFrame]) -> str:
    """Nothing: `comparison.md` has the table."""
    return ""


def _is_mismatch(row: dict) -> bool:
    return json.loads(row["settings"]).get("noise_model") == "magnitude"


def _place(row: dict) -> dict:
    """The method of a run, None for another one, the split of its data, and its options."""
    options = row.get("options", "{}")
    matching = [
        name for name, its in METHODS.items() if all(row.get(setting, 0) == value for setting, value in its.items())
    ]
    split = json.loads(options).get(row["dataset"], {}).get("split", "")
    return {"method": matching[0] if matching else None, "split": split, "options": options}
