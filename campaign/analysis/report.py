"""What a campaign prints at its end."""

import math
from pathlib import Path

import pandas as pd

from campaign.analysis import labels
from campaign.analysis.labels import varied
from campaign.analysis.statistics import DIFFERENCE, share_of_draws
from campaign.analysis.tables import of
from campaign.machine.console import say
from campaign.store.folder import completeness

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
FURTHER = ("optimizer", "momentum", "learning_rate", "lr_schedule", "batch_size", "augmentation", "precision")
LISTED = 60


def show(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Print the runs, the mean drops with their standard errors, which spread dominates, and where the files are."""
    runs = tables["results_per_run"]
    say(f"\n{folder.name}: {completeness(folder)}")
    if runs.empty:
        return
    known = [name for name in RUN_COLUMNS if runs[name].notna().any()]
    shown = [name for name in known if name not in ONLY_IF_VARIED or name in varied(runs, ONLY_IF_VARIED)]
    shown[1:1] = varied(runs, FURTHER)
    forms = dict.fromkeys(("acc(0)", "acc(0.1)", "drop(0.1)"), "{:.4f}".format)
    listed = runs[shown].rename(columns=RUN_COLUMNS)
    say(listed.tail(LISTED).to_string(index=False, formatters=forms, na_rep=""))
    if len(listed) > LISTED:
        say(f"… the last {LISTED} of {len(listed)} runs; all are in the table")
    summary, sweep = of(tables["results_summary"]), of(tables["sweep"])
    cells = summary.query("alpha_test == 0.1")
    if cells.empty:
        cells = summary.query("alpha_test == 0")
        say("\nmean accuracy ± standard error over seeds")
        say("\n".join(_cell(cell, cells, "acc") for _, cell in cells.iterrows()))
    else:
        say("\nmean drop at α_test = 0.1 ± standard error over seeds")
        say("\n".join(_cell(cell, cells, "drop") for _, cell in cells.iterrows()))
        further = [name for name in runs if name in summary and name not in sweep]
        share = share_of_draws(sweep.merge(runs[["run_id", *further]], on="run_id"))
        if not math.isnan(share):
            say(_hint(share))
    if "differences" in tables and not tables["differences"].empty:
        say(_differences(tables["differences"]))
    if "level_differences" in tables:
        say(_of_levels(tables["level_differences"]))
    say(f"\ntables: {', '.join(str(folder / f'{name}.csv') for name in tables)}\nruns: {folder / 'runs'}")


def _cell(cell: pd.Series, cells: pd.DataFrame, quantity: str) -> str:
    further = [name for name in ("noise_model", "activation", "p") if cells[name].nunique() > 1]
    further += cells.columns[cells.columns.get_loc("stderr_loss") + 1 :].tolist()
    told = labels.settings_of(cell, labels.varied_settings(cells, further))
    where = "  ".join([cell["architecture"], cell["regime"], f"{cell['alpha_train']:g}", *told])
    mean, error = cell[f"mean_{quantity}"], cell[f"stderr_{quantity}"]
    error = "" if math.isnan(error) else f" ± {error:.4f}"
    diverged = f", {cell['n_diverged']} diverged" if cell["n_diverged"] else ""
    return f"  {where}:  {mean:.4f}{error}  (n = {cell['n_seeds']}{diverged})"


def _differences(table: pd.DataFrame) -> str:
    """Accuracies on the validation images, and at the end on the test images, minus those of the baseline."""
    others = (*DIFFERENCE, "measure", "n_diverged")
    settings = varied(table, set(table) - {*others})
    counts = ["n_seeds", *(["n_diverged"] if table["n_diverged"].any() else [])]
    points = table[[*settings, "measure", *counts]].assign(
        difference=[_points(value) for value in table["mean_difference"]],
        low=[_points(value) for value in table["low"]],
        high=[_points(value) for value in table["high"]],
    )
    title = "paired differences to the baseline in accuracy, percentage points, with 95 % intervals over seeds"
    return f"\n{title}\n{points.to_string(index=False)}"


def _of_levels(table: pd.DataFrame) -> str:
    """What masks change."""
    shown = table[["architecture", "options", "level", "alpha_test", "n_seeds"]].assign(
        difference=[_points(value) for value in table["mean_difference"]],
        low=[_points(value) for value in table["low"]],
        high=[_points(value) for value in table["high"]],
    )
    title = "accuracy with masks minus that at level 0, percentage points, with 95 % intervals over seeds"
    return f"\n{title}\n{shown.to_string(index=False)}"


def _points(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:+.2f}"


def _hint(share: float) -> str:
    buy = "more noise draws (noise_samples)" if share > 0.5 else "more seeds; more noise draws would not help"
    return f"{share:.0%} of the variance over seeds comes from the noise draws: to narrow the bars, buy {buy}"
