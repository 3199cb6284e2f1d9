"""The page on corrupted training pixels gives the committed numbers."""

import json
import re

import pandas as pd
import pytest
from scipy import stats

from tests.conftest import ROOT
from tests.project.pages import RESULTS, page, paired, signed

FOLDER = RESULTS / "pixels/mnist"
PAGE = "docs/studies/pixels.md"
ACTIVATIONS = ("relu", "tanh", "sigmoid")


@pytest.fixture(scope="module")
def accuracy() -> pd.Series:
    """Test accuracy on clean images, by activation, p and seed."""
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    return runs.set_index(["activation", "p", "seed"])["acc_0"].sort_index()


def test_the_table_has_means_standard_errors_and_paired_differences(accuracy):
    rows = re.findall(r"^\| ([\d.]+) \| (.+) \|$", (ROOT / PAGE).read_text(), re.M)
    assert [float(p) for p, _ in rows] == sorted(accuracy.index.unique("p"))
    for p, cells in rows:
        expected = []
        for activation in ACTIVATIONS:
            without, its = accuracy[activation, 0.0], accuracy[activation, float(p)]
            difference = signed("{:+.2f} ({:+.2f} to {:+.2f})".format(*paired(without, its)))
            expected += [f"{100 * its.mean():.2f} ± {100 * stats.sem(its):.2f}", difference if float(p) > 0 else "–"]
        assert cells.split(" | ") == expected, p


ANSWERS = [
    ("relu", 0.1, 1, "gains {:.2f} points (95 % interval {:.2f} to {:.2f})"),
    ("relu", 0.2, 1, "at p = 0.2 it gains {:.2f} points ({:.2f} to {:.2f})"),
    ("sigmoid", 0.1, -1, "p = 0.1 already costs {:.2f} points ({:.2f} to {:.2f})"),
    ("relu", 0.5, -1, "half of the pixels corrupted they lose {:.2f} points ({:.2f} to {:.2f})"),
]


@pytest.mark.parametrize(("activation", "p", "sign", "sentence"), ANSWERS)
def test_the_answer_gives_gains_and_losses_with_their_intervals(accuracy, activation, p, sign, sentence):
    both = accuracy[activation, 0.0], accuracy[activation, p]
    difference = paired(*both[::sign])
    assert sentence.format(*difference) in page(PAGE) and difference[1] > 0


def test_the_answer_compares_the_activations(accuracy):
    lost = [paired(accuracy[activation, 0.5], accuracy[activation, 0.0])[0] for activation in ("tanh", "sigmoid")]
    assert "with tanh {:.1f} and with sigmoid {:.1f} points".format(*lost) in page(PAGE)
    corrupted = [p for p in accuracy.index.unique("p") if p > 0]
    assert all(paired(accuracy["tanh", 0.0], accuracy["tanh", p])[1] < 0 for p in corrupted)
    most_frequent = 1135 / 10_000  # of the test images show a 1
    assert accuracy.xs(1.0, level="p").max() <= most_frequent


def test_the_page_counts_the_intervals_that_exclude_zero():
    table = pd.read_csv(FOLDER / "pixel_differences.csv")
    excluding = table[(table["low"] > 0) | (table["high"] < 0)]
    gains = excluding[excluding["mean_difference"] > 0]
    assert {*gains["activation"]} == {"relu"} and (excluding["p_holm"] < 0.05).all()
    counts = f"Of {len(table)} intervals {len(excluding)} exclude zero: {len(gains)} gains, both with relu, and "
    assert f"{counts}{len(excluding) - len(gains)} losses. All {len(excluding)} are left" in page(PAGE)


def test_the_page_gives_the_core_hours():
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    hours = (runs["train_seconds"] + runs["sweep_seconds"]).sum() / 3600
    planned = sum(json.loads((FOLDER / "campaign.json").read_text())["seconds"].values()) / 3600
    sentence = f"The {len(runs)} networks took {hours:.1f} core hours of training and evaluation"
    assert f"{sentence} (planned: {planned:.1f})" in page(PAGE)
