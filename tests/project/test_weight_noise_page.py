"""The page on weight noise gives the committed numbers of both of its campaigns."""

import re

import pandas as pd
import pytest
from scipy import stats

from tests.conftest import ROOT
from tests.project.pages import RESULTS, page, paired, signed

PAGE = "docs/studies/weight_noise.md"
TABLES = {"cifar10_jpeg": ("CIFAR-10", (0.5,), 1, 16), "weight_noise/mnist": ("MNIST", (0.2, 0.5), 2, 16)}
"""By campaign: the title of its section, strengths of training noise, decimals, rows of its table."""


def accuracies(name: str) -> pd.Series:
    """Accuracy under weight noise in a campaign, by architecture, strength in training, strength at test, and seed."""
    sweep = pd.read_csv(RESULTS / name / "sweep.csv").query("evaluation == 'weight_noise'")
    return sweep.groupby(["architecture", "alpha_train", "alpha_test", "seed"])["acc"].mean()


def section(title: str) -> str:
    """The part of the page under a title."""
    parts = re.split(r"^## (.+)\n", (ROOT / PAGE).read_text(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[title]


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_have_means_standard_errors_and_paired_differences(name):
    title, trained, digits, count = TABLES[name]
    every, found = accuracies(name), re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (.+) \|$", section(title), re.M)
    assert len(found) == count and {row[0] for row in found} == {*every.index.unique("architecture")}
    for arch, strength, cells in found:
        of = {alpha: 100 * every[arch, alpha, float(strength)] for alpha in (0.0, *trained)}
        means = [f"{its.mean():.{digits}f} ± {stats.sem(its):.{digits}f}" for its in of.values()]
        differences = [paired(of[0.0] / 100, of[alpha] / 100) for alpha in trained]
        given = [signed("{:+.{n}f} ({:+.{n}f} to {:+.{n}f})".format(*values, n=digits)) for values in differences]
        assert cells.split(" | ") == means + given, (arch, strength)


@pytest.mark.parametrize("name", TABLES)
def test_the_page_counts_the_intervals_that_exclude_zero_and_those_left_after_holm(name):
    of_accuracy = pd.read_csv(RESULTS / name / "differences.csv").query("measure == 'acc' and alpha_test > 0")
    exclude = ((of_accuracy["low"] > 0) | (of_accuracy["high"] < 0)).sum()
    left = (of_accuracy["p_holm"] < 0.05).sum()
    text = " ".join(section(TABLES[name][0]).split())
    assert f"Of {len(of_accuracy)} intervals above strength 0, {exclude} exclude zero" in text
    assert f"After Holm's correction {left} are left" in text


def test_the_page_gives_the_core_hours():
    runs = pd.read_csv(RESULTS / "weight_noise/mnist/results_per_run.csv")
    hours = (runs["train_seconds"] + runs["sweep_seconds"]).sum() / 3600
    assert f"The {len(runs)} networks took {hours:.1f} core hours" in page(PAGE)


ANSWERS = [
    ("weight_noise/mnist", "cnn", 1, "{:.1f} points on MNIST at α_test = 1 (95 % interval {:.1f} to {:.1f})"),
    ("weight_noise/mnist", "cnn", 0, "on MNIST it gains {:.2f} points ({:.2f} to {:.2f})"),
    ("weight_noise/mnist", "mlp_small", 1, "{:.1f} points on MNIST at α_test = 1 ({:.1f} to {:.1f})"),
    ("cifar10_jpeg", "cnn", 0.5, "{:.1f} points on CIFAR-10 at α_test = 0.5 ({:.1f} to {:.1f})"),
]


@pytest.mark.parametrize(("name", "arch", "strength", "sentence"), ANSWERS)
def test_the_answer_gives_the_gains_with_their_intervals(name, arch, strength, sentence):
    every = accuracies(name)
    gain = paired(every[arch, 0.0, float(strength)], every[arch, 0.5, float(strength)])
    assert sentence.format(*gain) in page(PAGE) and gain[1] > 0


def test_the_answer_gives_the_cost_with_its_interval():
    every = accuracies("cifar10_jpeg")
    cost = paired(every["cnn", 0.5, 0.0], every["cnn", 0.0, 0.0])
    assert "costs the CNN {:.1f} points on CIFAR-10 ({:.1f} to {:.1f})".format(*cost) in page(PAGE)


def test_the_readme_gives_the_gain_on_mnist():
    every = accuracies("weight_noise/mnist")
    gain = paired(every["cnn", 0.0, 1.0], every["cnn", 0.5, 1.0])
    assert "On MNIST the CNN gains {:.1f} points ({:.1f} to {:.1f}) at strength 1".format(*gain) in page("README.md")
    assert paired(every["cnn", 0.0, 0.0], every["cnn", 0.5, 0.0])[1] > 0


def test_what_the_page_says_of_mnist_without_numbers_is_true():
    differences = pd.read_csv(RESULTS / "weight_noise/mnist/differences.csv").query("measure == 'acc'")
    above = differences[differences["alpha_test"] > 0]
    excluding = above[(above["low"] > 0) | (above["high"] < 0)]
    assert (excluding["mean_difference"] > 0).all() and (differences.query("alpha_test == 0")["high"] > 0).all()
    weak = excluding[excluding["alpha_train"] == 0.2]
    assert {*weak["architecture"]} == {"cnn"} and weak["alpha_test"].max() == 0.5
    left = above[above["p_holm"] < 0.05].groupby("architecture")["alpha_test"].agg(set)
    assert left.to_dict() == {"cnn": {0.05, 0.1, 0.2, 0.5, 1.0}, "mlp_small": {0.5, 1.0}}
    assert "mlp_large" not in {*excluding["architecture"]}
    every = accuracies("weight_noise/mnist")
    for alpha in (0.0, 0.2, 0.5):
        mean = 100 * every["mlp_large", alpha].groupby("alpha_test").mean()
        assert 0 <= mean[0.0] - mean.min() < 1
