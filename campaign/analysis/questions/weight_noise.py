"""Accuracy under weight noise

α_test is the strength of the noise relative to the weights: with `tensor_std`, ε ~ N(0, (α·std(W))²) for each weight
tensor W; with `magnitude`, ε ~ N(0, (α·|w|)²) for each weight w; with `range`, ε ~ N(0, (α·max|W|)²).
Each point is a mean over seeds of means over noise draws; bars are standard errors over seeds. The drop is the accuracy
without noise minus the accuracy under noise.

**Does training with noise help?** Runs of one seed share initial weights, batch order and test noise, so runs are
compared with their reference (the regime `clean` unless the study names another) seed by seed. The figure and the table
show these paired differences in accuracy (`acc`) and in drop, with 95 % intervals (Student t over seeds); in the table
1 = 100 %. A positive difference in `acc`, or a negative one in `drop`, is better than the reference. If an interval
contains zero, the data do not show a difference. Of many intervals some exclude zero by chance: `p_holm` is the p value
after Holm's correction over all rows of an evaluation above strength 0, and `more_seeds` says how many more seeds would
narrow the interval to a half-width of `resolution`.
"""

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis import facets, labels, panels, resolution, style, typesetting
from campaign.analysis import tables as core
from campaign.analysis.looks import Looks, in_order, lines_of, shifts, spread
from campaign.analysis.questions import Runs
from campaign.analysis.questions.parts import verdict
from campaign.analysis.statistics import DIFFERENCE, paired_differences, share_of_draws
from nnet.checks import canonical

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("differences",)
FIRST = True
COLUMNS = {"measure": "acc or drop: which of the two is compared", "reference": "name of the reference"}
LIMITS = """The noise of a draw is independent for every weight and the same for all test images: it stands for no
particular device. Strengths are relative, so larger weights get more noise. Intervals are over seeds, which change
initial weights, batch order and noise; the test images stay the same, and others may give another difference. Each
interval is for one point: of twenty, about one misses its difference by chance."""

ALPHA = {
    "tensor_std": "that of its weight tensor",
    "magnitude": "the size of the weight",
    "range": "the largest size in its weight tensor",
}
"""What α_test is multiplied by to give the standard deviation of the noise on a weight, by noise model."""
APART = 30.0
"""Points between two methods in the figure of one strength."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`differences`: each setting minus the reference, a row per point of every evaluation and `measure` (acc or drop).

    The columns are those of `campaign.analysis.statistics.paired_differences`, and `reference`, its name.
    """
    sweep = core.with_settings(runs.sweep, runs.per_run)
    ((name, value),) = runs.reference.items()
    by = "architecture" if name == "arch" else name
    parts = [paired_differences(sweep, its, by, value, runs.resolution).assign(measure=its) for its in ("acc", "drop")]
    if parts[0].empty:
        return {}
    differences = pd.concat(parts, ignore_index=True)
    differences["reference"] = str(value) if by in ("regime", "architecture") else f"{by} {str(value).lower()}"
    settings = [name for name in differences if name not in DIFFERENCE]
    return {"differences": differences[[*settings, *DIFFERENCE]]}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`accuracy` and `drop`; `paired_difference` where runs have a reference.

    `drop_at_01` if networks were measured at α_test = 0.1 with one noise model: with another, 0.1 is another strength.
    """
    every = tables["results_summary"]
    if not _measured(every):
        return {}
    points = core.of(tables["sweep"])
    images, about = resolution.test_images(points), (_meaning(points), panels.of_draws(points))
    drawn = {
        "accuracy": against_alpha(every, "acc", 0, *about),
        "drop": against_alpha(every, "drop", images, *about),
    }
    if core.of(every).query("alpha_test == 0.1")["settings"].nunique() == 1:
        drawn["drop_at_01"] = drop_at(every, 0.1, images, *about)
    differences = core.of(tables["differences"]) if "differences" in tables else pd.DataFrame()
    if len(differences):
        drawn["paired_difference"] = paired_difference(differences, every, images, *about)
    return drawn


def report(tables: dict[str, pd.DataFrame]) -> str:
    """What the differences say as a whole, and whether more seeds or more noise draws would narrow the error bars."""
    found = [verdict.text(tables["differences"])] if "differences" in tables else []
    sweep = core.with_settings(core.of(tables["sweep"]), tables["results_per_run"])
    drawn = sweep.loc[sweep["noise_samples"] > 1, "alpha_test"]
    alpha_test = 0.1 if (drawn == 0.1).any() else drawn.max()
    share = share_of_draws(sweep, alpha_test)
    return "\n".join(found if math.isnan(share) else [*found, _advice(share, alpha_test)])


def against_alpha(every: pd.DataFrame, quantity: str, images: int = 0, *about: str) -> "Figure":
    """Mean accuracy (%) or drop (percentage points) against α_test: a line per method.

    `every`: results_summary.csv; `images`: the number of test images, to shade the drops that they cannot resolve;
    `about`: further sentences of the caption. Panels: see `campaign.analysis.facets`.
    """
    figure, by_facet = facets.draw_lines(every, quantity)
    summary = core.of(labels.by_data(every))
    for axes in by_facet.values():
        panels.alpha_axis(axes, summary)
    small = resolution.show(by_facet.values(), _points(summary, quantity), images)
    name, _ = panels.QUANTITIES[quantity]
    panels.label_panels(figure, by_facet, name)
    return panels.finish(figure, summary, f"{name} under weight noise", panels.STANDARD_ERRORS, *about, small)


def drop_at(every: pd.DataFrame, alpha_test: float, images: int = 0, *about: str) -> "Figure":
    """Mean drop (percentage points) at one α_test: a group of points per architecture and dataset, a point per method.

    `every`: results_summary.csv; `images`: the number of test images, to shade the drops that they cannot resolve;
    `about`: further sentences of the caption.
    """
    every = labels.by_data(every)
    summary = core.of(every)
    cells = summary[(summary["alpha_test"] == alpha_test) & (summary["n_seeds"] > 0)]
    networks = facets.networks(summary)
    figure = panels.new_figure(2.3)
    axes = figure.subplots()
    places = pd.DataFrame({"place": range(len(networks))}, pd.MultiIndex.from_tuples(networks, names=facets.NETWORK))
    lines = lines_of(summary, Looks(every, without=facets.SETTINGS))
    shifts_here = spread(len(lines), APART, 50 * style.current().width / max(1, len(networks)))
    for (look, rows), shift in zip(lines, shifts_here, strict=True):
        line = rows.merge(cells, how="inner").join(places, on=facets.NETWORK)
        look = replace(look, shift=shift)
        panels.draw_line(axes, line, "place", "drop", cells["n_seeds"].max(), look, style_of_line="none")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.grid(axis="y", alpha=0.25)
    room = 0.85 * style.current().width / max(1, len(networks))
    names = [typesetting.wrap(typesetting.typeset(name), room, style.SMALL) for name in networks.values()]
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.5, max(1, len(networks)) - 0.5)
    axes.set_ylabel(typesetting.typeset(f"accuracy drop at α_test = {alpha_test:g} (percentage points)"))
    small = resolution.show([axes], _points(cells, "drop"), images)
    panels.place_legend(figure, axes)
    what = f"accuracy drop under weight noise of α_test = {alpha_test:g}"
    return panels.finish(figure, cells if len(cells) else summary, what, panels.STANDARD_ERRORS, *about, small)


def paired_difference(differences: pd.DataFrame, every: pd.DataFrame, images: int = 0, *about: str) -> "Figure":
    """Accuracy of each setting minus that of its reference against α_test, in percentage points with 95 % intervals.

    `differences`: the rows of the table `differences` under weight noise; `every`: results_summary.csv; `images`: the
    number of test images, to shade the differences that they cannot resolve; `about`: further sentences of the caption.
    Panels: see `campaign.analysis.facets`; above zero is better than the reference.
    """
    differences = labels.by_data(differences[differences["measure"] == "acc"], every)
    every = labels.by_data(every)
    others = (*DIFFERENCE, *facets.KEYS, "alpha_test", "measure", "reference")
    keys = [name for name in differences.columns if name not in others]
    varied, looks = labels.varied_settings(differences, keys), Looks(every, without=facets.SETTINGS)
    lines = list(in_order(differences, keys).iterrows())
    figure, by_facet = facets.make_panels(differences)
    names = style.current().names
    for (_, settings), shift in zip(lines, shifts(len(lines), differences), strict=True):
        rows = pd.DataFrame([settings]).astype(differences.dtypes[keys]).merge(differences, on=keys)
        for facet, line in rows.groupby(facets.KEYS):
            look = looks.of(_of_summary(line.iloc[0], every), names.line(line.iloc[0], varied), shift)
            middle, half = 100 * line["mean_difference"], 100 * (line["high"] - line["mean_difference"])
            few = line["n_seeds"] < differences["n_seeds"].max()
            panels.draw_points(by_facet[facet], line["alpha_test"], middle, half, look, hollow=few)
    for axes in by_facet.values():
        axes.axhline(0, color="black", linewidth=0.6)
        panels.alpha_axis(axes, differences)
    small = resolution.show(by_facet.values(), 100 * differences["mean_difference"], images)
    reference = names.of("regime", differences["reference"].iloc[0])
    title = f"difference from “{reference}”"
    panels.label_panels(figure, by_facet, "accuracy difference (percentage points)", legend=title)
    what = f"test accuracy under weight noise minus that of “{reference}”, seed by seed (percentage points)"
    return panels.finish(figure, differences, what, panels.INTERVALS, *about, small)


def _points(cells: pd.DataFrame, quantity: str) -> pd.Series:
    return 100 * cells.loc[cells["alpha_test"] > 0, f"mean_{quantity}"]


def _meaning(points: pd.DataFrame) -> str:
    """For the caption: what α_test is, if all of these rows of sweep.csv were measured with one noise model."""
    models = {json.loads(settings).get("noise_model", "tensor_std") for settings in points["settings"].unique()}
    relative_to = ALPHA.get(models.pop(), "") if len(models) == 1 else ""
    return f"the standard deviation of the noise on a weight is α_test times {relative_to}" if relative_to else ""


def _of_summary(row: pd.Series, every: pd.DataFrame) -> dict:
    """The settings of a row of `differences` as results_summary.csv has them.

    An option of the architecture that is compared stands among its other options; a column that is not there has one
    value in all runs.
    """
    settings = {name: every[name].iloc[0] for name in every} | row.to_dict()
    options = json.loads(settings.get("options", "{}"))
    for name in set(row.index) - {*every, *DIFFERENCE, "measure", "reference"}:
        options.setdefault(row["architecture"], {})[name] = canonical(row[name])
    return settings | {"options": json.dumps(options, sort_keys=True)}


def _advice(share: float, alpha_test: float) -> str:
    """What narrows the error bars, if this share of the variance over seeds at α_test comes from the noise draws."""
    narrower = 1 - (1 - 0.75 * share) ** 0.5  # four times the draws leave a quarter of their share of the variance
    advice = "more noise draws (noise_samples)" if share > 0.5 else "more seeds; more noise draws would not help"
    return (
        f"{share:.0%} of the variance over seeds comes from the noise draws (at α_test = {alpha_test:g}): to narrow "
        f"the bars, use {advice} (four times the draws make them {narrower:.0%} narrower, four times the seeds 50%)"
    )


def _measured(summary: pd.DataFrame) -> bool:
    """Whether some run was measured under weight noise."""
    return bool((core.of(summary)["alpha_test"] > 0).any())
