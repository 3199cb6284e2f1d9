"""The committed campaigns on adversarial weight regularisation, for the tests of their pages."""

import itertools
import json

import pandas as pd

from tests.project.pages import RESULTS, paired

TRAININGS = {
    "standard": "clean",
    "dropout": "dropout",
    "forward noise": "noisy",
    "AWP": "awp",
    "β": "beta",
    "β + forward noise": "beta with noise",
}
"""Names of the published methods on the pages, and in the tables."""
OTHERS = [method for method in TRAININGS.values() if method != "clean"]
CAMPAIGNS = [("adversarial", "fashion_mnist", ""), ("adversarial_speech", "speech_commands", "")]
CAMPAIGNS += [("adversarial_ecg", "ecg", split) for split in ("beats", "patients")]
"""Page, dataset and split of each committed campaign."""


def accuracies(dataset: str, split: str) -> pd.Series:
    """Accuracy of a committed campaign, by evaluation, method, strength and seed."""
    folder = RESULTS / "adversarial" / dataset
    runs = pd.read_csv(folder / "results_per_run.csv").set_index("run_id")
    runs["method"] = [methods_name(run) for _, run in runs.iterrows()]
    if split:
        runs = runs[[split_of(run) == split for _, run in runs.iterrows()]]
    sweep = pd.read_csv(folder / "sweep.csv").merge(runs["method"], left_on="run_id", right_index=True)
    return sweep.groupby(["evaluation", "method", "alpha_test", "seed"])["acc"].mean()


def methods_name(run: pd.Series) -> str:
    """The method of a run in the published table."""
    if run["regime"] == "beta":
        return "beta with noise" if run["alpha_train"] > 0 else "beta"
    return "dropout" if run["dropout"] > 0 else run["regime"]


def split_of(run: pd.Series) -> str:
    """How the heartbeats of a run are divided into training and test."""
    return json.loads(run["options"])["ecg"]["split"]


def in_standard_errors(dataset: str, split: str, zeta: float) -> pd.Series:
    """By method: how far its accuracy is from the published one."""
    beside = pd.read_csv(RESULTS / "adversarial" / dataset / "published_insensitivity.csv", na_filter=False)
    return beside[(beside["alpha_test"] == zeta) & (beside["split"] == split)].set_index("method")["difference_in_se"]


def intervals_that_exclude_zero(random: pd.Series) -> dict[tuple[str, str], tuple[float, float, float]]:
    """At ζ = 0.5, among the methods that are not standard training: (behind, ahead) → the paired difference."""
    pairs = {
        (one, other): paired(random[one, 0.5], random[other, 0.5]) for one, other in itertools.permutations(OTHERS, 2)
    }
    return {pair: difference for pair, difference in pairs.items() if difference[1] > 0}


def significant(dataset: str) -> list[pd.Series]:
    """The rows of differences in accuracy for ζ above 0 whose p value is below 5 % after Holm's correction."""
    rows = pd.read_csv(RESULTS / "adversarial" / dataset / "differences.csv")
    rows = rows[(rows["evaluation"] == "weight_noise") & (rows["measure"] == "acc") & (rows["alpha_test"] > 0)]
    assert len(rows) == {"fashion_mnist": 25, "ecg": 40, "speech_commands": 20}[dataset]
    return [row for _, row in rows[rows["p_holm"] < 0.05].iterrows()]
