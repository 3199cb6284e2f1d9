"""Noise while training, against a baseline without noise

**Does noise help that is injected only while training looks stuck or overfitted?** These runs have validation images.
The first figures show one run per setting, epoch by epoch, beside the run without noise of the same seed and optimizer;
noisy epochs are shaded, and marks show which flags of the controller were up. The last figure and the table show the
differences from these baselines, seed by seed, with 95 % intervals (Student t over seeds); in the table 1 = 100 %. If
an interval contains zero, the data do not show a difference.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from campaign.analysis.excerpts import RUN, Excerpt
from campaign.analysis.labels import SETTINGS, paired_text, varied
from campaign.analysis.questions import Runs
from campaign.analysis.statistics import over_seeds, pairs
from nnet.evaluations.parts.wanted import IMAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TABLES = ("epochs", "baseline_differences")
COLUMNS = {
    "epoch": "number of the epoch, from 1",
    "train_loss": "mean cross-entropy of the epoch, under the noise of training",
    "val_loss": "mean cross-entropy on the validation images after the epoch",
    "val_acc": "accuracy on the validation images after the epoch",
    "test_acc": "accuracy on all test images after the epoch",
    "smoothed_acc": "running value over test batches that a published program reported as its accuracy",
    "measure": "which accuracy is compared: test (acc_0) or validation",
    "n_diverged": "number of pairs that are left out because one of the two runs diverged",
}
MEASURES = {
    "acc_0": "test, last epoch",
    "val_acc_last": "validation, last epoch",
    "val_acc_best": "validation, best epoch",
    "val_acc_best_after_noise": "validation, best epoch since the first noise",
}
"""The accuracies that are compared, and their names in the figure."""
LIMITS = """Curves are those of one seed; the table has all seeds. The best epoch is chosen on the images for which
its accuracy is reported, so that accuracy is too high for both networks of a pair."""


def tables(runs: Runs) -> dict[str, pd.DataFrame]:
    """`epochs` and `baseline_differences`, where some run has validation images or its test accuracy every epoch."""
    epochs = epochs_of(runs.excerpts)
    return {} if epochs.empty else {"epochs": epochs, "baseline_differences": differences(runs, epochs)}


def figures(tables: dict[str, pd.DataFrame]) -> "dict[str, Figure]":
    """`epochs`, `epochs_2`, …, one per setting of the noise, and `against_baseline`."""
    from campaign.analysis.questions.parts import epochs

    drawn = epochs.by_epoch(tables["epochs"], tables["results_per_run"]) if "epochs" in tables else {}
    if "baseline_differences" in tables:
        drawn["against_baseline"] = epochs.against_baseline(tables["baseline_differences"], MEASURES)
    return drawn


def report(tables: dict[str, pd.DataFrame]) -> str:
    """The differences from the baseline in percentage points."""
    if "baseline_differences" not in tables:
        return ""
    table = tables["baseline_differences"]
    counts = ["n_seeds", *(["n_diverged"] if table["n_diverged"].any() else [])]
    title = "paired differences from the baseline in accuracy, percentage points, with 95 % intervals over seeds"
    return f"{title}\n{paired_text(table, [*varied(table, SETTINGS), 'measure', *counts])}"


def epochs_of(runs: Sequence[Excerpt]) -> pd.DataFrame:
    """A row per epoch of every run that has validation images or its test accuracy after every epoch; may be empty.

    Its columns: those that identify the run, and those of its history; several flags are separated by spaces.
    """
    rows = [
        {name: run.entries[name] for name in RUN} | {name: _cell(value) for name, value in row.items()}
        for run in runs
        for row in run.history
    ]
    return pd.DataFrame(rows)


def differences(runs: Runs, epochs: pd.DataFrame) -> pd.DataFrame:
    """Each regime minus clean, seed by seed, in each of `MEASURES`, with 95 % intervals over seeds.

    `epochs`: the table of `epochs_of`. The best accuracy since the first noise is compared with the baseline's best in
    the same epochs. A row per setting and `measure`, with what `over_seeds` gives, and `n_diverged`, the number of
    pairs that are left out because one of the two runs diverged. Test accuracies of runs that were last measured with
    different settings are not compared.
    """
    per_run = runs.per_run
    columns = [name for name in ("run_id", "status", "asked", "first_noisy_epoch", *MEASURES) if name in per_run]
    settings = [name for name in per_run if name in SETTINGS]
    paired, keys = pairs(per_run[[*settings, *columns]], columns)
    if "val_acc_best_after_noise" in columns:
        accuracies = epochs.set_index(["run_id", "epoch"])["val_acc"]
        paired["val_acc_best_after_noise_reference"] = [
            accuracies[run_id].loc[first:].max() if pd.notna(first) else None
            for run_id, first in zip(paired["run_id_reference"], paired["first_noisy_epoch"], strict=True)
        ]
    if "asked" in columns:
        same = paired["asked"].map(_images) == paired["asked_reference"].map(_images)
        paired["acc_0"] = paired["acc_0"].where(same)
    diverged = (paired["status"] != "ok") | (paired["status_reference"] != "ok")
    differences_of = {
        name: (paired[name] - paired[f"{name}_reference"]).astype(float).mask(diverged)
        for name in MEASURES
        if name in columns
    }
    long = pd.concat(
        [
            paired[keys].assign(measure=name, difference=difference, n_diverged=diverged)
            for name, difference in differences_of.items()
        ]
    )
    left_out = long.groupby([*keys, "measure"], sort=True, dropna=False)["n_diverged"].sum()
    return over_seeds(long, [*keys, "measure"], runs.resolution).assign(n_diverged=left_out.to_numpy())


def _images(asked: str) -> str:
    """The settings in `asked` on which the accuracy without noise depends."""
    return json.dumps({name: value for name, value in json.loads(asked).items() if name in IMAGES}, sort_keys=True)


def _cell(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value
