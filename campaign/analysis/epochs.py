"""Runs that were watched on validation images: their epochs, and how far they are from their baseline."""

import dataclasses
from collections.abc import Sequence

import pandas as pd

from campaign.analysis.statistics import over_seeds, pairs
from nnet.config import TrainConfig

RUN = "run_id dataset architecture regime seed alpha_train activation p".split()
MEASURES = {
    "acc_0": "test, last epoch",
    "val_acc_last": "validation, last epoch",
    "val_acc_best": "validation, best epoch",
    "val_acc_best_after_noise": "validation, best epoch since the first noise",
}
"""Accuracies that are compared, and what they are."""
SETTINGS = {"architecture"} | {item.name for item in dataclasses.fields(TrainConfig)}


def table(results: Sequence[dict]) -> pd.DataFrame:
    """A row per epoch of every run that has validation images or noted its test accuracy; empty if there is none.

    Beside what tells a run, the columns of its history; several flags have spaces between them.
    """
    rows = [
        {name: result[name] for name in RUN} | {name: _cell(value) for name, value in row.items()}
        for result in results
        for row in result["history"]
        if "val_acc" in row or "test_acc" in row
    ]
    return pd.DataFrame(rows)


def differences(per_run: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """What each regime differs by from clean, seed by seed, in each of `MEASURES`, with 95 % intervals over seeds.

    `per_run`: results_per_run.csv; `epochs`: as `table` gives it. The best accuracy since the first noise is compared
    with the best of the baseline in the same epochs. A row per setting and `measure`, with `n_seeds`,
    `mean_difference`, `stderr_difference`, `low`, `high` (accuracy, 1 = 100 %), and `n_diverged`: how many pairs are
    left out because one of the two runs diverged.
    """
    columns = [name for name in ("run_id", "status", "first_noisy_epoch", *MEASURES) if name in per_run]
    settings = [name for name in per_run if name in SETTINGS]
    found, keys = pairs(per_run[[*settings, *columns]], columns)
    if "val_acc_best_after_noise" in columns:
        accuracies = epochs.set_index(["run_id", "epoch"])["val_acc"]
        found["val_acc_best_after_noise_reference"] = [
            accuracies[run_id].loc[first:].max() if pd.notna(first) else None
            for run_id, first in zip(found["run_id_reference"], found["first_noisy_epoch"], strict=True)
        ]
    diverged = (found["status"] != "ok") | (found["status_reference"] != "ok")
    differences_of = {
        name: (found[name] - found[f"{name}_reference"]).astype(float).mask(diverged)
        for name in MEASURES
        if name in columns
    }
    long = pd.concat(
        [
            found[keys].assign(measure=name, difference=difference, n_diverged=diverged)
            for name, difference in differences_of.items()
        ]
    )
    left_out = long.groupby([*keys, "measure"], sort=True, dropna=False)["n_diverged"].sum()
    return over_seeds(long, [*keys, "measure"]).assign(n_diverged=left_out.to_numpy())


def _cell(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value
