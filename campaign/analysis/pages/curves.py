"""Training, epoch by epoch: the loss of every run, and its validation accuracy where it has one."""

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from campaign.analysis import labels, panels
from campaign.analysis.pages.answers import Numbered
from campaign.analysis.pages.render import Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn

MOST_RUNS = 120
"""Runs whose files are read."""
MOST_PANELS = 12
QUANTITIES = {
    "train_loss": "training loss (nats)",
    "val_loss": "validation loss (nats)",
    "val_acc": "validation accuracy",
}
METHOD = ("regime", "alpha_train", "activation", "p")


def section(per_run: pd.DataFrame, read: Callable[[str], dict | None], numbered: Numbered) -> Section | None:
    """The curves of the runs in results_per_run.csv; None if no run has an epoch. `read`: a run file by run_id."""
    keys = [name for name in (*METHOD, *labels.varied(per_run, labels.SETTINGS)) if name in per_run]
    keys = [name for name in dict.fromkeys(keys) if name not in ("architecture", "seed")]
    chosen = _chosen(per_run, ["architecture", *keys])
    histories = {run_id: run["history"] for run_id in chosen["run_id"] if (run := read(run_id)) is not None}
    if not any(histories.values()):
        return None
    figures = []
    for quantity, axis in QUANTITIES.items():
        if any(quantity in row for history in histories.values() for row in history):
            words = f"{axis[0].upper()}{axis[1:]} after each epoch: a line per run, a colour per method."
            figures.append(numbered.figure(_drawn(chosen, histories, quantity, axis, keys), words))
    about = "<p>A curve that still falls at its end belongs to a network that more epochs would change.</p>"
    left_out = len(per_run) - len(chosen)
    note = f"{len(chosen)} of {len(per_run):,} runs are drawn, of each setting the same number." if left_out else ""
    return Section("Training", "training", Markup(about), figures=figures, note=note)


def _chosen(per_run: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """`MOST_RUNS` runs: the first of each setting, then the second of each, and so on."""
    groups = [list(rows.index) for _, rows in per_run.groupby(keys, dropna=False, sort=False)]
    in_turn = [place for places in zip_longest(*groups) for place in places if place is not None]
    return per_run.loc[sorted(in_turn[:MOST_RUNS])]


def _drawn(runs: pd.DataFrame, histories: Mapping[str, list], quantity: str, axis: str, keys: list[str]) -> "Drawn":
    from matplotlib.ticker import MaxNLocator

    names = panels.names_in(runs, "architecture")[:MOST_PANELS]
    figure, by_name = panels.make_panels(names)
    varied = labels.varied_settings(runs, keys)
    texts = {place: labels.label_of(row, varied) for place, row in runs.iterrows()}
    colours = dict(zip(dict.fromkeys(texts.values()), _endless(panels.COLOURS), strict=False))
    for name, axes in by_name.items():
        for place, row in runs[runs["architecture"] == name].iterrows():
            history = histories.get(row["run_id"], [])
            values = [_number(entry.get(quantity)) for entry in history]
            epochs = [entry["epoch"] for entry in history]
            axes.plot(epochs, values, ".-", ms=3, lw=0.9, color=colours[texts[place]], label=texts[place])
        axes.set_title(name, fontsize="medium")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
    panels.label_panels(figure, by_name, axis, "epoch")
    return figure


def _endless(colours: Iterable[str]) -> Iterable[str]:
    while True:
        yield from colours


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
