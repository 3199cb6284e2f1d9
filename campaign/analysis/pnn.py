"""The study of perturbative networks: the published experiments, and pairs of runs with masks and without."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from campaign.analysis.statistics import paired_differences, standard_error
from nnet.architectures.parts.mask_options import NOISE_STD


@dataclass(frozen=True)
class Experiment:
    """One experiment of the published reproduction, its flags as they are printed, and what was reported for it."""

    number: int
    published: float
    """Test accuracy on CIFAR-10 in %, of a single run, at the epoch where it was best on the test images."""
    arch: str
    options: dict
    recipe: dict = field(default_factory=dict)
    """Settings in which it differs from the others."""


CIFAR10 = re.compile("cifar10(?!0)", re.IGNORECASE)
"""The names of data with which the published figures can be compared."""
BATCHES_OF_10 = {"batch_size": 10}
SLOW = {"batch_size": 10, "learning_rate": 1e-4}
SHARED_MASKS = {"nfilters": 128, "first_filter_size": 3, "nmasks": 64, "unique_masks": False}
EXPERIMENTS = (
    Experiment(1, 91.8, "pnn_resnet18", {"nfilters": 44}, BATCHES_OF_10),
    Experiment(2, 85.7, "noiseresnet18", {"nfilters": 128, "first_filter_size": 7, "level": 0.5}, SLOW),
    Experiment(3, 86.2, "noiseresnet18", {"nfilters": 128, "first_filter_size": 3, "level": 0.5}, SLOW),
    Experiment(4, 85.5, "perturb_resnet18", {"nfilters": 128, "first_filter_size": 3, "filter_size": 1}),
    Experiment(5, 72.6, "perturb_resnet18", {"nfilters": 128, "level": 0.5}),
    Experiment(6, 82.7, "perturb_resnet18", SHARED_MASKS | {"level": 0.5, "unique_masks": True, "mix_maps": True}),
    Experiment(7, 82.4, "perturb_resnet18", SHARED_MASKS | {"level": 0.5}),
    Experiment(8, 85.9, "perturb_resnet18", SHARED_MASKS | {"level": 0.5, "train_masks": True}),
)

ONE_MASK = {"nfilters": 8, "first_filter_size": 3, "nmasks": 1}
EIGHT_MASKS = {"nfilters": 7, "first_filter_size": 3, "nmasks": 8, "mix_maps": True}
CONTROL = (
    ("pnn_resnet18", {"nfilters": 3}),
    ("perturb_resnet18", {"nfilters": 8, "first_filter_size": 3, "filter_size": 1}),
    *(
        ("perturb_resnet18", {**masks, "train_masks": trained, "level": level})
        for masks in (ONE_MASK, EIGHT_MASKS)
        for trained in (False, True)
        for level in (0.0, 0.5)
    ),
)
"""Networks of 24,306 to 25,567 weights without their masks: two without masks, four pairs with level 0 and above."""


def level_differences(sweep: pd.DataFrame) -> pd.DataFrame:
    """What masks of a level above 0 change in accuracy, seed by seed, against level 0, with 95 % intervals over seeds.

    `sweep`: as `campaign.analysis.tables.with_settings` gives it. A row for each α_test and setting of which both are
    there; `noise_std` is the standard deviation of the masks before any training, times the level; that of a first
    layer of masks is `scale_noise` times as much.
    """
    if "options" not in sweep or sweep.empty:
        return pd.DataFrame()
    differences = paired_differences(sweep, by="level", reference=0)
    kinds = [json.loads(options).get("noise_type", "uniform") for options in differences["options"]]
    stds = [level * NOISE_STD[kind] for level, kind in zip(differences["level"], kinds, strict=True)]
    differences.insert(differences.columns.get_loc("level") + 1, "noise_std", stds)
    return differences


def published(per_run: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """The published experiments of which there are runs, beside what these runs have reached; accuracies 0 to 1.

    `per_run`: results_per_run.csv with `options` as JSON; `settings`: those of its columns that tell one setting from
    another, seeds aside. A row for each experiment and setting: `experiment`, `published_acc` (the best epoch on the
    test images of CIFAR-10; empty for other data), the settings, `n_seeds`, `n_diverged`, `mean_acc` and `stderr_acc`
    of the last epoch.
    """
    rows = []
    for experiment in EXPERIMENTS:
        options = json.dumps(experiment.options, sort_keys=True)
        fits = (per_run["architecture"] == experiment.arch) & (per_run["options"] == options)
        for values, runs in per_run[fits].groupby(list(settings), dropna=False):
            setting = dict(zip(settings, values, strict=True))
            reported = experiment.published / 100 if CIFAR10.match(setting["dataset"]) else math.nan
            accuracies = runs["acc_0"].dropna()
            counts = {"n_seeds": len(accuracies), "n_diverged": int((runs["status"] == "diverged").sum())}
            reached = {"mean_acc": accuracies.mean()}
            reached["stderr_acc"] = standard_error(accuracies.std(), len(accuracies)) if counts["n_seeds"] else math.nan
            rows.append({"experiment": experiment.number, "published_acc": reported} | setting | counts | reached)
    return pd.DataFrame(rows)
