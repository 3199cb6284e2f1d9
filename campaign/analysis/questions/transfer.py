"""Does robustness to one kind of perturbation transfer to the others?

For each kind a network has its mean accuracy over the strengths of an evaluation above 0, each the mean of its draws,
and its mean drop from the accuracy without perturbation. The table `transfer` ranks the methods of each architecture on
equal data by both, as means over seeds: 1 is the highest accuracy, or the smallest drop. Accuracies say which method to
use. Whether robustness transfers is a matter of drops: a method that is more accurate without perturbation is often so
under each of them. But a network that has learnt little has little to lose. Equal ranks in two columns suggest that
what protects against one kind protects against the other; the table `transfer_correlation` has Spearman's rank
correlation of each pair of kinds over the methods. With few methods it is uncertain: among five, a correlation below
0.9 can be chance (one-sided p > 0.05).
"""

from itertools import combinations
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import labels, panels, style, typesetting
from campaign.analysis import tables as core
from campaign.analysis.looks import LINE_KEYS, in_order
from campaign.analysis.questions import Runs
from campaign.analysis.questions.parts import markdown
from campaign.analysis.statistics import standard_error
from nnet.evaluations.parts.wanted import WEIGHT_NOISE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = ("transfer", "transfer_correlation")
COLUMNS = {
    "dataset": "name of the dataset, with its options in which runs differ in brackets",
    "kind": "kind of perturbation: an evaluation, with those of its settings that differ",
    "method": "training: regime, α_train and the settings that differ",
    "mean_robustness": "mean accuracy over the strengths above 0 of this kind, 0 to 1, mean over seeds",
    "stderr_robustness": "its standard error over seeds",
    "rank": "place of the method among those of its architecture and dataset, 1 for the largest mean",
    "mean_drop": "mean over seeds of the drop, averaged over the same strengths",
    "stderr_drop": "its standard error over seeds",
    "drop_rank": "place of the method among those of its architecture and dataset, 1 for the smallest drop",
    "other_kind": "the kind that `kind` is compared with",
    "n_methods": "number of methods that were measured with both kinds",
    "rank_correlation": "Spearman's correlation of the accuracies under the two kinds over the methods, -1 to 1",
    "drop_correlation": "Spearman's correlation of the drops under the two kinds over the methods, -1 to 1",
}
ORDERS = {
    "accuracy": ("mean_robustness", "rank", "rank_correlation"),
    "drop": ("mean_drop", "drop_rank", "drop_correlation"),
}
"""What methods are ranked by: the columns of its mean, its rank, and its correlation."""
PLACE = ["dataset", "architecture"]
LEAST_METHODS, LEAST_KINDS = 3, 2
"""Fewer have no order that could be compared."""
LINE, MARGIN = 0.16, 1.3
CELL_WIDTH = 0.5
"""Inches: of a line of a method's name, of a map's title and names, and of a cell with two numbers."""
NAMES = 0.3
"""The share of a figure's width for the names of methods."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`transfer`: a row per dataset, architecture, method and kind; `transfer_correlation`: a row per pair of kinds."""
    sweep = labels.by_data(core.with_settings(runs.sweep, runs.per_run), runs.per_run)
    points = sweep[(sweep["alpha_test"] != 0) & (sweep["part"] == "")]
    if points["evaluation"].nunique() < LEAST_KINDS or not (points["evaluation"] != WEIGHT_NOISE).any():
        return {}
    varied = labels.varied_settings(points, _training(points))
    points = points.assign(kind=_kinds(points), method=labels.labels_of(points, varied))
    networks = points.groupby([*PLACE, "method", "kind", "run_id"])[["acc", "drop"]].mean()
    cells = networks.groupby([*PLACE, "method", "kind"])
    robust = pd.DataFrame({"n_seeds": cells["acc"].count()})
    for quantity, (mean, rank, _) in zip(("acc", "drop"), ORDERS.values(), strict=True):
        robust[mean] = cells[quantity].mean()
        robust[mean.replace("mean", "stderr")] = standard_error(cells[quantity].std(), robust["n_seeds"])
        places = robust.groupby([*PLACE, "kind"])[mean].rank(ascending=quantity == "drop", method="min")
        robust[rank] = places.astype("Int64")
    robust = robust.reset_index()
    robust = robust[robust.groupby(PLACE)["method"].transform("nunique") >= LEAST_METHODS]
    if robust.empty:
        return {}
    return {"transfer": robust, "transfer_correlation": _correlations(robust)}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`transfer`: two maps per architecture and dataset, of ranks by accuracy and by drop.

    A map has a row per method and a column per kind.
    """
    if "transfer" not in tables:
        return {}
    maps = {(*place, order): rows for place, rows in tables["transfer"].groupby(PLACE) for order in ORDERS}
    names, methods = style.current().names, _names(labels.by_data(tables["results_summary"]))
    several = tables["transfer"]["dataset"].nunique() > 1
    lines = 1.4 + max(name.count("\n") for name in methods.values())
    heights = [lines * rows["method"].nunique() for rows in maps.values()]
    figure = panels.new_figure(sum(LINE * height + MARGIN for height in heights))
    grid = figure.subplots(len(maps), 1, squeeze=False, height_ratios=heights).flat
    for axes, ((dataset, architecture, order), rows) in zip(grid, maps.items(), strict=True):
        _draw(axes, rows.assign(method=rows["method"].map(methods)), list(methods.values()), order)
        title = [names.of("architecture", architecture), *([names.of("dataset", dataset)] if several else []), order]
        axes.set_title(typesetting.typeset(", ".join(title)))
    what = "rank of each method under each kind of perturbation by its mean accuracy, and by its mean drop"
    cells = "cells: rank, and where there is room the mean in % over the strengths above 0, mean over seeds"
    chance = "neighbouring ranks may differ by chance: the table has the standard errors"
    return {"transfer": panels.finish(figure, tables["transfer"], what, cells, chance)}


def _draw(axes: "Axes", rows: pd.DataFrame, methods: list[str], order: str) -> None:
    """The most robust methods of each kind are dark; `methods`: all of them, from top to bottom."""
    mean, rank, _ = ORDERS[order]
    ranks = rows.pivot(index="method", columns="kind", values=rank).astype(float)
    ranks = ranks.reindex([method for method in methods if method in ranks.index])
    axes.imshow(-ranks, aspect="auto", cmap="Purples")
    room = (1 - NAMES) * style.current().width / ranks.shape[1]
    for row in rows.dropna(subset=mean).to_dict("records"):
        place = (ranks.columns.get_loc(row["kind"]), ranks.index.get_loc(row["method"]))
        colour = "white" if row[rank] < 0.4 * len(ranks) else "black"
        text = f"{row[rank]:g}: {100 * row[mean]:.1f}" if room > CELL_WIDTH else f"{row[rank]:g}"
        axes.text(*place, text, ha="center", va="center", fontsize=style.SMALL, color=colour)
    axes.set_yticks(range(len(ranks)), ranks.index)
    texts = [typesetting.typeset(name.replace("_", " ")) for name in ranks.columns]
    axes.set_xticks(range(len(texts)), [typesetting.wrap(text, max(room, MARGIN) - 0.1, style.SMALL) for text in texts])
    axes.tick_params(length=0)


def report(tables: dict[str, pd.DataFrame]) -> str:
    """The kinds that agree most and least about the order of the methods, by accuracy and by drop."""
    pairs = tables.get("transfer_correlation", pd.DataFrame())
    lines = []
    for (dataset, architecture), rows in pairs.groupby(PLACE) if len(pairs) else ():
        for order, (_, _, correlation) in ORDERS.items():
            known = rows.dropna(subset=correlation).sort_values(correlation)
            if known.empty:
                continue
            least, most = known.iloc[0], known.iloc[-1]
            lines.append(
                f"{dataset}, {architecture}, {order}: {most['kind']} and {most['other_kind']} agree most about the "
                f"order of {most['n_methods']} methods (rank correlation {most[correlation]:.2f}), {least['kind']} and "
                f"{least['other_kind']} least ({least[correlation]:.2f})"
            )
    return "\n".join(lines)


def texts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """transfer.md: a table by accuracy and one by drop, a row per method, a column per kind: rank, and mean in %."""
    if "transfer" not in tables:
        return {}
    parts = []
    for (dataset, architecture), rows in tables["transfer"].groupby(PLACE):
        kinds = sorted(rows["kind"].unique())
        for order in ORDERS:
            lines = [["method", *kinds]]
            for method, cells in rows.groupby("method"):
                at = cells.set_index("kind")
                lines.append([method, *(_cell(at.loc[kind], order) if kind in at.index else "" for kind in kinds)])
            parts.append(f"{dataset}, {architecture}, {order}\n\n{markdown.table(lines)}")
    about = (
        "Rank, and mean in % over the strengths above 0 ± standard error over seeds; 1 is the highest accuracy, or the "
        "smallest drop."
    )
    return {"transfer.md": "\n\n".join([*parts, about, ""])}


def _cell(row: pd.Series, order: str) -> str:
    mean, rank, _ = ORDERS[order]
    if pd.isna(row[mean]):
        return ""
    error = row[mean.replace("mean", "stderr")]
    return f"{row[rank]:g}: {100 * row[mean]:.1f}" + (f" ± {100 * error:.1f}" if pd.notna(error) else "")


def _kinds(points: pd.DataFrame) -> list[str]:
    """The evaluation of each row, with the settings in which the rows of this evaluation differ."""
    names = {}
    for evaluation, rows in points.groupby("evaluation"):
        for way, values in labels.ways(rows, evaluation).items():
            words = [f"{name.split('.')[-1]} {_spelled(value)}" for name, value in values.items()]
            names[evaluation, way] = f"{evaluation} ({', '.join(words)})" if words else evaluation
    return [names[key] for key in zip(points["evaluation"], points["settings"], strict=True)]


def _spelled(value: object) -> str:
    return "default" if value is None else labels.spelled(value)


def _names(summary: pd.DataFrame) -> dict[str, str]:
    """The name in figures of each method of the table `transfer`, in the order of figures."""
    varied, names = labels.varied_settings(summary, _training(summary)), style.current().names
    keys = sorted(_training(summary), key=lambda name: name not in LINE_KEYS)
    room = NAMES * style.current().width
    return {
        labels.label_of(row, varied): typesetting.wrap(typesetting.typeset(names.line(row, varied)), room, style.SMALL)
        for _, row in in_order(summary, keys).iterrows()
    }


def _training(table: pd.DataFrame) -> list[str]:
    """The columns that are settings of training, without architecture."""
    return [name for name in table if name in labels.SETTINGS and name not in (*PLACE, "seed")]


def _correlations(robust: pd.DataFrame) -> pd.DataFrame:
    """Spearman's correlation between each pair of kinds, over the methods of one architecture."""
    rows = []
    for place, cells in robust.groupby(PLACE):
        by_mean = {mean: cells.pivot(index="method", columns="kind", values=mean) for mean, _, _ in ORDERS.values()}
        for kind, other in combinations(sorted(cells["kind"].unique()), 2):
            count = len(by_mean["mean_robustness"][[kind, other]].dropna())
            row = dict(zip(PLACE, place, strict=True)) | {"kind": kind, "other_kind": other, "n_methods": count}
            for mean, _, correlation in ORDERS.values():
                both = by_mean[mean][[kind, other]].dropna()
                has_order = len(both) >= LEAST_METHODS and both.nunique().min() > 1
                row[correlation] = both[kind].corr(both[other], method="spearman") if has_order else float("nan")
            rows.append(row)
    return pd.DataFrame(rows)
