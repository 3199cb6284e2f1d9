"""What a campaign prints at its end."""

import math
from pathlib import Path

import pandas as pd

from campaign.analysis import labels, makers, questions
from campaign.analysis.labels import varied
from campaign.analysis.rows import SUMMARY
from campaign.analysis.tables import of
from campaign.store.completeness import completeness

RUN_COLUMNS = {
    "architecture": "architecture",
    "activation": "activation",
    "regime": "regime",
    "p": "p",
    "seed": "seed",
    "alpha_train": "α_train",
    "acc_0": "acc(0)",
    "acc_01": "acc(0.1)",
    "drop_at_01": "drop(0.1)",
    "status": "status",
}
ONLY_IF_VARIED = ("activation", "p", "alpha_train", "status")
FURTHER = (
    *("initial_weights", "optimizer", "momentum", "learning_rate", "lr_schedule", "batch_size", "augmentation"),
    "precision",
)
LISTED = 60


def text(folder: Path, tables: dict[str, pd.DataFrame]) -> str:
    """How complete the folder is, and what its tables say."""
    return f"{heading(folder)}{body(folder, tables)}"


def heading(folder: Path) -> str:
    """How complete the folder is, in one line."""
    return f"\n{folder.name}: {completeness(folder)}"


def body(folder: Path, tables: dict[str, pd.DataFrame]) -> str:
    """The runs, the means with their standard errors, the report of each question, and where the files are."""
    runs = tables["results_per_run"]
    if runs.empty:
        return ""
    files = ", ".join(str(folder / f"{name}.csv") for name in tables)
    paragraphs = [
        f"\n{_runs(runs)}",
        _means(of(tables["results_summary"])),
        questions.report(tables),
        makers.kept(folder),
        f"tables: {files}\nruns: {folder / 'runs'}",
    ]
    return "\n\n".join(filter(None, paragraphs))


def _runs(runs: pd.DataFrame) -> str:
    filled = [name for name in RUN_COLUMNS if runs[name].notna().any()]
    shown = [name for name in filled if name not in ONLY_IF_VARIED or name in varied(runs, ONLY_IF_VARIED)]
    shown[1:1] = varied(runs, FURTHER)
    forms = dict.fromkeys(("acc(0)", "acc(0.1)", "drop(0.1)"), "{:.4f}".format)
    lines = runs[shown].rename(columns=RUN_COLUMNS).tail(LISTED).to_string(index=False, formatters=forms, na_rep="")
    return lines if len(runs) <= LISTED else f"{lines}\n… the last {LISTED} of {len(runs)} runs; all are in the table"


def _means(summary: pd.DataFrame) -> str:
    """Mean drop at α_test = 0.1, or mean accuracy without noise where that was not measured."""
    cells, quantity, title = summary.query("alpha_test == 0.1"), "drop", "mean drop at α_test = 0.1"
    if cells.empty:
        cells, quantity, title = summary.query("alpha_test == 0"), "acc", "mean accuracy"
    lines = [_cell(cell, cells, quantity) for _, cell in cells.iterrows()]
    return "\n".join([f"{title} ± standard error over seeds", *lines])


def _cell(cell: pd.Series, cells: pd.DataFrame, quantity: str) -> str:
    further = ["noise_model", "activation", "p", "settings", *(name for name in cells if name not in SUMMARY)]
    settings = labels.settings_of(cell, labels.varied_settings(cells, further))
    where = "  ".join([cell["architecture"], cell["regime"], labels.spelled(cell["alpha_train"]), *settings])
    mean, error = cell[f"mean_{quantity}"], cell[f"stderr_{quantity}"]
    error = "" if math.isnan(error) else f" ± {error:.4f}"
    diverged = f", {cell['n_diverged']} diverged" if cell["n_diverged"] else ""
    return f"  {where}:  {mean:.4f}{error}  (n = {cell['n_seeds']}{diverged})"
