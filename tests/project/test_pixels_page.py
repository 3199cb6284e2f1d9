"""The page on corrupted training pixels gives the committed numbers."""

import re

import pandas as pd
import pytest
from scipy import stats

from tests.conftest import ROOT
from tests.project.pages import RESULTS, core_hours, excluding_zero, page, paired, planned_hours, signed

FOLDER = RESULTS / "pixels/mnist"
PAGE = "docs/studies/pixels.md"
ACTIVATIONS = ("relu", "tanh", "sigmoid")
PLACES = [(activation, p / 10) for activation in ACTIVATIONS for p in range(1, 11)]


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
    ("relu", 0.1, 1, "gains {:.2f} points at p = 0.1 (95 % interval {:.2f} to {:.2f})"),
    ("relu", 0.2, 1, "and {:.2f} points at p = 0.2 ({:.2f} to {:.2f})"),
    ("sigmoid", 0.1, -1, "p = 0.1, the smallest measured, already costs {:.2f} points ({:.2f} to {:.2f})"),
    ("relu", 0.5, -1, "With half of the pixels corrupted it loses {:.2f} points ({:.2f} to {:.2f})"),
]


@pytest.mark.parametrize(("activation", "p", "sign", "sentence"), ANSWERS)
def test_the_answer_gives_gains_and_losses_with_their_intervals(accuracy, activation, p, sign, sentence):
    both = accuracy[activation, 0.0], accuracy[activation, p]
    difference = paired(*both[::sign])
    assert sentence.format(*difference) in page(PAGE) and difference[1] > 0


def test_the_answer_says_where_intervals_include_zero(accuracy):
    found = {(name, p): paired(accuracy[name, 0.0], accuracy[name, p]) for name, p in PLACES}
    including = {place for place, (_, low, high) in found.items() if low < 0 < high}
    assert including == {("relu", 0.3), ("relu", 0.4), ("tanh", 0.1)}
    _, low, high = found["tanh", 0.1]
    assert signed(f"the interval at p = 0.1 includes zero ({low:.2f} to {high:.2f})") in page(PAGE)
    assert all(high < 0 for (name, p), (_, _, high) in found.items() if p > (0.4 if name == "relu" else 0.1))


def test_the_answer_compares_the_losses_of_activations_seed_by_seed(accuracy):
    lost = {place: accuracy[place[0], 0.0] - accuracy[place] for place in PLACES}
    more = {place: paired(lost["relu", place[1]], lost[place]) for place in PLACES}
    text, interval = page(PAGE), "{:.1f} ({:.1f} to {:.1f})"
    points = interval.replace(" (", " points more (", 1)
    half = f"tanh loses {points.format(*more['tanh', 0.5])} and sigmoid {interval.format(*more['sigmoid', 0.5])}"
    assert half in text and more["tanh", 0.5][1] > 0 and more["sigmoid", 0.5][1] > 0
    strong = f"{points.replace('more', 'more than ReLU').format(*more['tanh', 0.9])} and sigmoid"
    assert f"At p = 0.9 tanh loses {strong} {interval.format(*more['sigmoid', 0.9])}" in text


def test_nothing_is_learnt_from_pixels_that_are_all_corrupted(accuracy):
    most_frequent = 1135 / 10_000  # of the test images show a 1
    assert accuracy.xs(1.0, level="p").max() <= most_frequent and f"({100 * most_frequent:.2f} %)" in page(PAGE)


def test_the_page_counts_the_intervals_that_exclude_zero():
    table = pd.read_csv(FOLDER / "pixel_differences.csv")
    excluding = excluding_zero(table)
    gains = excluding[excluding["mean_difference"] > 0]
    assert {*gains["activation"]} == {"relu"} and (excluding["p_holm"] < 0.05).all()
    counts = f"Of {len(table)} intervals {len(excluding)} exclude zero: {len(gains)} gains, both with ReLU, and "
    assert f"{counts}{len(excluding) - len(gains)} losses. All {len(excluding)} are left" in page(PAGE)


def test_the_page_gives_the_core_hours():
    runs = pd.read_csv(FOLDER / "results_per_run.csv")
    sentence = f"The {len(runs)} networks took {core_hours(FOLDER):.1f} core hours of training and evaluation"
    assert f"{sentence} (planned: {planned_hours(FOLDER):.1f})" in page(PAGE)
