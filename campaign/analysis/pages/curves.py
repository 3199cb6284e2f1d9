"""Training, epoch by epoch: the loss of every run, and its validation loss and accuracy where it has them."""

import math
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from campaign.analysis import facets, labels, panels, style, typesetting
from campaign.analysis import tables as core
from campaign.analysis.looks import Look, Looks, lines_of
from campaign.analysis.pages.answers import Numbered, Tables
from campaign.analysis.pages.render import Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn

MOST_RUNS = 120
"""Runs whose files are read."""
MOST_PANELS = 12
QUANTITIES = {
    "train_loss": "training loss (nats)",
    "val_loss": "validation loss (nats)",
    "val_acc": "validation accuracy (0 to 1)",
}

ABOUT = {"train_loss": "The mean over the batches of an epoch, under whatever noise the network is trained with."}
"""What a caption adds, by quantity."""

Lines = list[tuple[Look, pd.DataFrame]]
"""Methods, and the rows of their runs in results_per_run.csv."""


def section(
    by_name: Tables, read: Callable[[str], dict | None], folder: Path | None, numbered: Numbered
) -> Section | None:
    """The curves of the runs in these tables; None if no run has an epoch.

    `read`: gives a run file by run_id; `folder`: see `campaign.analysis.figures.draw`.
    """
    data = ", ".join(by_name["results_per_run"]["dataset"].unique())
    summary = labels.by_data(by_name["results_summary"])
    per_run = labels.by_data(by_name["results_per_run"], by_name["results_summary"])
    with style.used(style.of_folder(folder, "double", per_run)):
        lines = _lines(per_run, summary)
        runs = [run_id for _, rows in lines for run_id in rows["run_id"]]
        histories = {run_id: run["history"] for run_id in runs if (run := read(run_id)) is not None}
        figures = []
        for quantity, axis in QUANTITIES.items():
            if any(quantity in row for history in histories.values() for row in history):
                words = f"{data}: {axis} of each epoch, a line for each of {len(histories)} runs, a colour per method."
                words += f" {ABOUT[quantity]}" if quantity in ABOUT else ""
                figures.append(numbered.figure(_drawn(lines, histories, quantity, axis), words))
    if not figures:
        return None
    about = "<p>A curve that still falls at its end belongs to a network that more epochs would change.</p>"
    note = f"{len(runs)} of {len(per_run):,} runs are drawn." if len(runs) < len(per_run) else ""
    return Section("Training", "training", Markup(about), figures=figures, note=note)


def _lines(per_run: pd.DataFrame, summary: pd.DataFrame) -> Lines:
    """`MOST_RUNS` runs by method: of each method and network the first, then the second of each, and so on."""
    left, lines = per_run, []
    for look, settings in lines_of(core.of(summary), Looks(summary)):
        keys = [name for name in settings if name in per_run]
        its = left.merge(settings[keys].astype(per_run.dtypes[keys]), on=keys)
        left = left[~left["run_id"].isin(its["run_id"])]  # a method that was measured in two ways has two lines
        lines.append((look, its))
    groups = [list(rows["run_id"]) for _, its in lines for _, rows in its.groupby(facets.NETWORK)]
    in_turn = [run_id for place in zip_longest(*groups) for run_id in place if run_id is not None]
    chosen = {*in_turn[:MOST_RUNS]}
    return [(look, its[its["run_id"].isin(chosen)]) for look, its in lines]


def _drawn(lines: Lines, histories: Mapping[str, list], quantity: str, axis: str) -> "Drawn":
    from campaign.analysis.fitting import fit

    every = pd.concat([rows for _, rows in lines])
    titles = dict(list(facets.networks(every).items())[:MOST_PANELS])
    figure, by_network = panels.make_panels(titles)
    for network, axes in by_network.items():
        for look, rows in lines:
            for run_id in facets.inside(rows, network)["run_id"]:
                history = histories.get(run_id, [])
                values = [_number(entry.get(quantity)) for entry in history]
                epochs = [entry["epoch"] for entry in history]
                label = typesetting.typeset(look.label)
                axes.plot(epochs, values, marker=look.marker, ms=2, lw=0.7, color=look.colour, label=label)
        panels.whole_numbers(axes)
        axes.grid(alpha=0.25)
    panels.label_panels(figure, by_network, axis, "epoch")
    fit(figure)
    return figure


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
