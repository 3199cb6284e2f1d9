"""Other ways to measure a trained network

`comparison.md` has each method's accuracy under weight noise. There is a figure for each further evaluation of runs,
with its strength on the horizontal axis; bars and bands are standard errors over seeds. Where a figure shows a second
evaluation for comparison, its lines are dashed. An evaluation of parts of the network, like its layers, is a
map: a row per part, a column per strength, and in each cell the mean and its standard error. If runs differ in dropout,
a table compares dropout with none, seed by seed, with 95 % intervals (Student t over seeds); 1 = 100 %.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from campaign.analysis import facets, labels, panels
from campaign.analysis import tables as core
from campaign.analysis.looks import Looks, lines_of
from campaign.analysis.questions import Runs
from campaign.analysis.questions.parts import comparison, maps
from campaign.analysis.statistics import paired_differences
from nnet import registry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TABLES = ("dropout_differences",)
COLUMNS: dict[str, str] = {}
LIMITS = """Strengths of different evaluations cannot be compared with each other. An adversary that finds no worse
weights proves nothing: only certified accuracies are bounds. Models of devices have the parameters that their files
state, not those of a device at hand."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`dropout_differences`: accuracy under weight noise with dropout minus without, where runs differ in it."""
    sweep = core.with_settings(core.of(runs.sweep), runs.per_run)
    if "dropout" not in sweep:
        return {}
    return {"dropout_differences": paired_differences(sweep, "acc", "dropout", 0.0, runs.resolution)}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """One figure per evaluation, by its name; none for an evaluation that is drawn beside another one."""
    summary = tables["results_summary"]
    names = core.further_evaluations(summary)
    settings = {name: figure_settings(name) for name in names}
    beside = {other for setting in settings.values() for other in setting.get("beside", ())}
    drawn = {}
    for name in names:
        if (core.of(summary, name)["part"] != "").any():
            drawn[name] = maps.draw(name, summary, tables["sweep"], settings[name])
        elif name not in beside:
            drawn[name] = draw(name, tables, settings[name])
    return drawn


def report(tables: dict[str, pd.DataFrame]) -> str:
    """Nothing: the comparison is written as comparison.md and comparison.tex."""
    return ""


def texts(tables: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The comparison of methods under weight noise, as Markdown and LaTeX, of runs with further evaluations."""
    if not core.further_evaluations(tables["sweep"]):
        return {}
    sweep = core.with_settings(core.of(tables["sweep"]), tables["results_per_run"])
    methods = comparison.table(labels.by_data(sweep, tables["results_per_run"]))
    published = comparison.published_markdown(tables.get("published_insensitivity"))
    return {
        "comparison.md": comparison.as_markdown(methods) + published,
        "comparison.tex": comparison.as_latex(methods),
    }


def figure_settings(evaluation: str) -> dict[str, Any]:
    """The constant `FIGURE` of an evaluation's file, explained in `nnet/evaluations/__init__.py`; {} without one."""
    if evaluation not in registry.names("evaluations"):
        return {}
    figure = registry.constant("evaluations", evaluation, "FIGURE", {})
    return figure if isinstance(figure, dict) else {}


def draw(evaluation: str, tables: Mapping[str, pd.DataFrame], settings: Mapping[str, Any]) -> "Figure":
    """Means of a quantity against the strength of an evaluation; for its panels see `campaign.analysis.facets`.

    `tables`: those of a results folder by name; `settings`: see `figure_settings`.
    """
    summary = labels.by_data(tables["results_summary"])
    per_run = labels.by_data(tables["results_per_run"], tables["results_summary"])
    cells = core.of(summary, evaluation)
    quantity, is_band = settings.get("quantity", "acc"), settings.get("style") == "band"
    figure, by_facet = facets.make_panels(cells, evaluation)
    lines = [
        (replace(look, label=look.label + _means_of(settings.get("label_column"), evaluation, rows, per_run)), rows)
        for look, rows in lines_of(cells, Looks(summary, evaluation, facets.SETTINGS))
    ]
    for facet, axes in by_facet.items():
        for look, rows in lines:
            line = rows.merge(facets.inside(cells, facet)).sort_values("alpha_test")
            if is_band:
                panels.draw_band(axes, line, "alpha_test", quantity, look)
            else:
                panels.draw_line(axes, line, "alpha_test", quantity, cells["n_seeds"].max(), look)
        for other, text in settings.get("beside", {}).items():
            beside = facets.comparable(core.of(summary, other), other, facet, evaluation)
            _draw_dashed(axes, lines, beside[beside["alpha_test"] <= cells["alpha_test"].max()], quantity, text)
        _set_axis(axes, cells, settings, is_band)
    below = settings.get("axis", f"strength of {evaluation}")
    name = settings.get("name", panels.QUANTITIES[quantity][0])
    panels.label_panels(figure, by_facet, name, below)
    where = f" at {settings['measured_at']}" if "measured_at" in settings else ""
    bars = "line and band: mean ± standard error over seeds" if is_band else panels.STANDARD_ERRORS
    what = f"{name}{where}; horizontal axis: {below}"
    draws = panels.of_draws(core.of(tables["sweep"], evaluation))
    return panels.finish(figure, cells, what, bars, draws, *_explanations(evaluation, summary, settings))


def _explanations(evaluation: str, summary: pd.DataFrame, settings: Mapping[str, Any]) -> list[str]:
    """For the caption: what dashed lines are, and the number in the legend."""
    dashed = [text for other, text in settings.get("beside", {}).items() if len(core.of(summary, other))]
    column = settings.get("label_column")
    about = registry.constant("evaluations", evaluation, "COLUMNS", {}).get(column) if column else None
    numbers = [f"{column.removeprefix(f'{evaluation}_')}: {about}"] if column and about else []
    return [*(f"dashed: {text}" for text in dashed), *numbers]


def _means_of(column: str | None, evaluation: str, settings: pd.DataFrame, per_run: pd.DataFrame) -> str:
    """ ": <name> <mean>" of a column of results_per_run.csv, over the runs with the settings of one line.

    Where there are several architectures or datasets, a mean for each, because the legend is that of all panels.
    """
    if column is None or column not in per_run:
        return ""
    keys = [name for name in settings if name in per_run]  # settings of training
    runs = per_run.merge(settings[keys].astype(per_run.dtypes[keys]), on=keys).dropna(subset=column)
    networks = facets.networks(per_run)
    means = [
        f"{mean:.3f}" + (f" ({networks[network]})" if len(networks) > 1 else "")
        for network, mean in runs.groupby(facets.NETWORK)[column].mean().items()
    ]
    return f": {column.removeprefix(f'{evaluation}_')} {', '.join(means)}" if means else ""


def _draw_dashed(axes: "Axes", lines: list[tuple], here: pd.DataFrame, quantity: str, text: str) -> None:
    """The means of another evaluation, in the colour of the line with equal training settings."""
    for look, rows in lines if len(here) else ():
        for _, line in rows.merge(here).sort_values("alpha_test").groupby("settings"):
            means = panels.QUANTITIES[quantity][1] * line[f"mean_{quantity}"]
            axes.plot(line["alpha_test"], means, "--", color=look.colour)
    if len(here):
        panels.explain_dashes(axes, text)


def _set_axis(axes: "Axes", cells: pd.DataFrame, settings: Mapping[str, Any], is_band: bool) -> None:
    strengths = sorted(cells["alpha_test"].unique())
    if settings.get("scale") == "symlog":
        panels.alpha_axis(axes, cells)
    elif settings.get("scale") == "log":
        texts = settings.get("ticks", {})
        axes.set_xscale("log")
        axes.set_xticks(strengths, [texts.get(strength, labels.spelled(strength)) for strength in strengths])
        axes.set_xticks([], minor=True)
    elif not is_band:
        axes.set_xticks(strengths)
    axes.grid(alpha=0.25)
