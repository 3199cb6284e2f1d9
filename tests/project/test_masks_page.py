"""The page of the control of perturbative networks gives the committed numbers."""

import json

import pandas as pd
import pytest
from scipy import stats

from tests.project.pages import RESULTS, core_hours, page, paired, signed

FOLDER = RESULTS / "pnn/control/cifar10_jpeg"
PAGE = "docs/studies/pnn_control.md"
MASKS = {"1, fixed": (1, False), "1, trained": (1, True), "8, fixed": (8, False), "8, trained": (8, True)}
CONVOLUTIONS = {"1×1": "perturb_resnet18", "3×3": "pnn_resnet18"}


@pytest.fixture(scope="module")
def accuracy() -> dict[tuple, pd.Series]:
    """Test accuracy by seed: of (masks per channel, trained, level), and of the networks of convolutions by name."""
    runs, found = pd.read_csv(FOLDER / "results_per_run.csv"), {}
    for run in runs.itertuples():
        options = json.loads(run.options).get(run.architecture, {})
        masked = "level" in options and options.get("filter_size", 0) == 0
        of_masks = (options.get("nmasks"), options.get("train_masks", False), options.get("level"))
        found.setdefault(of_masks if masked else (run.architecture,), {})[run.seed] = run.acc_0
    assert all(len(seeds) == 5 for seeds in found.values()) and len(found) == 8 + 2
    return {key: pd.Series(seeds) for key, seeds in found.items()}


def test_the_table_has_the_paired_differences(accuracy):
    text = page(PAGE)
    for name, (masks, trained) in MASKS.items():
        without, with_masks = (accuracy[masks, trained, level] for level in (0, 0.5))
        means = [f"{100 * its.mean():.1f} ± {100 * stats.sem(its):.1f}" for its in (with_masks, without)]
        mean, low, high = paired(without, with_masks)
        difference = signed(f"{mean:+.1f} ({low:+.1f} to {high:+.1f})")
        assert f"| {name} | {means[0]} | {means[1]} | {difference} |" in text, name
        assert low > 0
    assert "No interval contains zero" in text


def test_the_page_compares_networks_of_convolutions_of_equal_size(accuracy):
    text = page(PAGE)
    for name, architecture in CONVOLUTIONS.items():
        its = 100 * accuracy[architecture,]
        assert f"{name} {its.mean():.1f} ± {stats.sem(its):.1f} %" in text, name
    mean, low, high = paired(accuracy["perturb_resnet18",], accuracy["pnn_resnet18",])
    assert f"{mean:.1f} points ({low:.1f} to {high:.1f})" in text
    masked = accuracy[1, False, 0.5]
    for architecture, sign in (("perturb_resnet18", ""), ("pnn_resnet18", "+")):
        mean, low, high = paired(accuracy[architecture,], masked)
        assert signed(f"{mean:{sign}.1f} points ({low:{sign}.1f} to {high:{sign}.1f})") in text, architecture


def test_the_page_measures_the_published_difference_in_standard_errors(accuracy):
    difference = 100 * (accuracy[1, False, 0.5] - accuracy["perturb_resnet18",])
    in_errors = (difference.mean() - (85.8 - 85.5)) / stats.sem(difference)
    assert f"{in_errors:.0f} of our standard errors" in page(PAGE)


def test_the_page_measures_the_published_loss_against_convolutions_in_standard_errors(accuracy):
    text, trained, convolutions = page(PAGE), accuracy[8, True, 0.5], accuracy["pnn_resnet18",]
    below = "{:.1f} points ({:.1f} to {:.1f})".format(*paired(trained, convolutions))
    assert f"8 trained masks are {below} below convolutions 3×3 of equal size" in text
    lost = 100 * (convolutions - trained)
    in_errors = (91.8 - 85.9 - lost.mean()) / stats.sem(lost)
    assert f"is larger by {in_errors:.0f} of our standard errors" in text


def test_the_page_gives_the_core_hours():
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    assert f"The {len(runs)} networks took {core_hours(FOLDER):.1f} core hours" in page(PAGE)
