"""The page on weight noise gives the committed numbers of both of its campaigns."""

import re

import pandas as pd
import pytest
from scipy import stats

from tests.project.pages import RESULTS, core_hours, excluding_zero, page, paired, planned_hours, section, signed

PAGE = "docs/studies/weight_noise.md"
TABLES = {"cifar10_jpeg": ("CIFAR-10", (0.5,), 1, 16), "weight_noise/mnist": ("MNIST", (0.2, 0.5), 2, 16)}
"""By campaign: the title of its section, strengths of training noise, decimals, rows of its table."""


def accuracies(name: str) -> pd.Series:
    """Accuracy under weight noise in a campaign, by architecture, strength in training, strength at test, and seed."""
    sweep = pd.read_csv(RESULTS / name / "sweep.csv").query("evaluation == 'weight_noise'")
    return sweep.groupby(["architecture", "alpha_train", "alpha_test", "seed"])["acc"].mean()


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_have_means_standard_errors_and_paired_differences(name):
    title, trained, digits, count = TABLES[name]
    every, found = accuracies(name), re.findall(r"^\| `(\w+)` \| ([\d.]+) \| (.+) \|$", section(PAGE, title), re.M)
    assert len({row[:2] for row in found}) == len(found) == count
    assert {row[0] for row in found} == {*every.index.unique("architecture")}
    for arch, strength, cells in found:
        of = {alpha: 100 * every[arch, alpha, float(strength)] for alpha in (0.0, *trained)}
        means = [f"{its.mean():.{digits}f} ± {stats.sem(its):.{digits}f}" for its in of.values()]
        differences = [paired(of[0.0] / 100, of[alpha] / 100) for alpha in trained]
        given = [signed("{:+.{n}f} ({:+.{n}f} to {:+.{n}f})".format(*values, n=digits)) for values in differences]
        assert cells.split(" | ") == means + given, (arch, strength)


def differences(name: str, measure: str = "acc") -> pd.DataFrame:
    """The paired differences of a campaign, in accuracy or in its drop."""
    return pd.read_csv(RESULTS / name / "differences.csv").query("measure == @measure")


def excluding_above_0(table: pd.DataFrame) -> pd.DataFrame:
    """The rows above strength 0 with an interval that excludes zero."""
    return excluding_zero(table[table["alpha_test"] > 0])


@pytest.mark.parametrize("name", TABLES)
def test_the_page_counts_the_intervals_that_exclude_zero_and_those_left_after_holm(name):
    title, *_ = TABLES[name]
    above = differences(name).query("alpha_test > 0")
    text, excluding = " ".join(section(PAGE, title).split()), excluding_above_0(above)
    assert f"Of {len(above)} intervals above strength 0, {len(excluding)} exclude zero" in text
    assert f"After Holm's correction {(above['p_holm'] < 0.05).sum()} are left" in text
    gains = (excluding["mean_difference"] > 0).sum()
    assert (
        "all of them gains" if gains == len(excluding) else f"{len(excluding) - gains} losses and {gains} gain"
    ) in text


ANSWERS = [
    ("weight_noise/mnist", "cnn", 0.5, "it gains {:.1f} points on MNIST (95 % interval {:.1f} to {:.1f})"),
    (
        "weight_noise/mnist",
        "cnn",
        1,
        "At α_test = 1, measured on MNIST alone, it gains {:.1f} points ({:.1f} to {:.1f})",
    ),
    ("weight_noise/mnist", "cnn", 0, "on MNIST it gains {:.2f} points ({:.2f} to {:.2f})"),
    (
        "weight_noise/mnist",
        "mlp_small",
        1,
        "smallest perceptron gains {:.1f} points on MNIST at α_test = 1 ({:.1f} to {:.1f})",
    ),
    ("weight_noise/mnist", "mlp_medium", 1, "`mlp_medium` gains {:.1f} points at 1 ({:.1f} to {:.1f})"),
    ("cifar10_jpeg", "cnn", 0.5, "and {:.1f} points on CIFAR-10 ({:.1f} to {:.1f}; three seeds)"),
]


@pytest.mark.parametrize(("name", "arch", "strength", "sentence"), ANSWERS)
def test_the_page_gives_gains_with_their_intervals(name, arch, strength, sentence):
    every = accuracies(name)
    gain = paired(every[arch, 0.0, float(strength)], every[arch, 0.5, float(strength)])
    assert sentence.format(*gain) in page(PAGE) and gain[1] > 0


def test_the_answer_gives_the_cost_with_its_interval():
    every = accuracies("cifar10_jpeg")
    cost = paired(every["cnn", 0.5, 0.0], every["cnn", 0.0, 0.0])
    assert "costs the CNN {:.1f} points on CIFAR-10 ({:.1f} to {:.1f})".format(*cost) in page(PAGE)


def test_the_readme_gives_the_committed_numbers():
    cnn, text = accuracies("cifar10_jpeg")["cnn"], page("README.md")
    mean = {key: f"{100 * rows.mean():.1f} %" for key, rows in cnn.groupby(["alpha_train", "alpha_test"])}
    assert f"of the CNN trained without noise from {mean[0.0, 0.0]} to {mean[0.0, 0.5]}" in text
    assert f"falls from {mean[0.5, 0.0]} to {mean[0.5, 0.5]}" in text
    cost, *costs = paired(cnn[0.5, 0.0], cnn[0.0, 0.0])
    gain, *gains = paired(cnn[0.0, 0.5], cnn[0.5, 0.5])
    assert f"training costs {cost:.1f} points at strength 0 (95 % interval {costs[0]:.1f} to {costs[1]:.1f})" in text
    assert f"and gains {gain:.1f} points ({gains[0]:.1f} to {gains[1]:.1f}) at strength 0.5" in text
    assert costs[0] > 0 and gains[0] > 0
    runs = pd.read_csv(RESULTS / "cifar10_jpeg/results_per_run.csv")
    assert f"(JPEG copy; {runs['epochs'].iloc[0]} epochs, {runs['seed'].nunique()} seeds)" in text


def test_the_readme_gives_the_gains_on_mnist():
    every, text = accuracies("weight_noise/mnist"), page("README.md")
    strong, none = (paired(every["cnn", 0.0, strength], every["cnn", 0.5, strength]) for strength in (1.0, 0.0))
    assert "On MNIST the CNN gains {:.1f} points ({:.1f} to {:.1f}) at strength 1".format(*strong) in text
    assert "and {:.2f} points ({:.2f} to {:.2f}) at strength 0".format(*none) in text


def test_the_page_says_which_intervals_on_mnist_exclude_zero():
    by = excluding_above_0(differences("weight_noise/mnist")).groupby(["architecture", "alpha_train"])["alpha_test"]
    every = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0}
    assert by.agg(set).to_dict() == {
        ("cnn", 0.2): every - {1.0},
        ("cnn", 0.5): every,
        ("mlp_small", 0.5): {0.5, 1.0},
        ("mlp_medium", 0.5): {1.0},
    }
    text = page(PAGE)
    assert "The CNN is more accurate at every strength, `mlp_small` at α_test = 0.5 and 1." in text
    assert "Only intervals of the CNN exclude zero, at α_test from 0 to 0.5." in text
    at_0 = differences("weight_noise/mnist").query("alpha_test == 0")
    assert (at_0.query("architecture == 'cnn'")["low"] > 0).all()
    perceptrons = at_0.query("architecture != 'cnn'")
    assert (perceptrons["low"] < 0).all() and (perceptrons["high"] > 0).all() and (perceptrons["low"] > -0.0045).all()
    assert "The intervals of the perceptrons include zero and exclude costs above 0.45 points." in text


def test_the_page_says_what_is_left_after_the_correction():
    text, mnist = page(PAGE), differences("weight_noise/mnist")
    left = mnist[mnist["p_holm"] < 0.05].groupby(["architecture", "alpha_train"])["alpha_test"].agg(set)
    assert left.to_dict() == {("cnn", 0.5): {0.05, 0.1, 0.2, 0.5, 1.0}, ("mlp_small", 0.5): {0.5, 1.0}}
    assert "the CNN's from α_test = 0.05 to 1, and those of `mlp_small` at 0.5 and 1" in text
    drops = differences("weight_noise/mnist", "drop")
    assert drops[drops["p_holm"] < 0.05]["architecture"].tolist() == ["mlp_small"] * 2
    strongest = drops.query("alpha_train == 0.5 and alpha_test == 1").set_index("architecture")
    assert f"that of the CNN at α_test = 1 has p = {strongest['p_holm']['cnn']:.3f}" in text
    for arch, sentence in (
        ("cnn", "for the CNN ({:.1f} to {:.1f})"),
        ("mlp_small", "for `mlp_small` ({:.1f} to {:.1f})"),
    ):
        mean, low, high = -100 * strongest.loc[arch, ["mean_difference", "high", "low"]]
        assert f"by {mean:.1f} points {sentence.format(low, high)}" in text
    images = differences("cifar10_jpeg")
    kept = images[images["p_holm"] < 0.05]
    assert {*zip(kept["architecture"], kept["alpha_test"], strict=True)} == {("cnn", 0.01), ("cnn", 0.02)}
    (strong,) = images.query("architecture == 'cnn' and alpha_test == 0.5")["p_holm"]
    assert f"The CNN's gain at 0.5 has p = {strong:.3f} after correction" in text
    drops = differences("cifar10_jpeg", "drop").query("alpha_test > 0")
    (left,), excluding = drops[drops["p_holm"] < 0.05].to_dict("records"), excluding_above_0(drops)
    assert (left["architecture"], left["alpha_test"]) == ("mlp_small", 0.5)
    assert f"Of the {len(drops)} tests of the drop {len(excluding)} exclude zero and 1 is left" in text
    cnn = drops.query("architecture == 'cnn' and alpha_test == 0.5").iloc[0]
    assert f"that of the CNN at 0.5 has p = {cnn['p_holm']:.3f}" in text
    smaller = (-100 * cnn[name] for name in ("mean_difference", "high", "low"))
    assert "At 0.5 its drop is smaller by {:.1f} points ({:.1f} to {:.1f})".format(*smaller) in text


def test_the_page_gives_the_drop_of_the_largest_perceptron():
    clean = accuracies("weight_noise/mnist")["mlp_large", 0.0]
    drop = "{:.1f} points at α_test = 1 ({:.1f} to {:.1f})".format(*paired(clean[1.0], clean[0.0]))
    assert f"trained without noise, loses {drop}" in page(PAGE)


def test_the_page_says_what_perceptrons_lose_on_cifar10():
    text, table = page(PAGE), differences("cifar10_jpeg").query("architecture != 'cnn'")
    assert (table["mean_difference"] < 0).all() and (table["high"] > 0).any()
    assert excluding_above_0(table)["architecture"].unique().tolist() == ["mlp_small"]
    assert excluding_above_0(table)["alpha_test"].max() == 0.2
    drops = differences("cifar10_jpeg", "drop").query("alpha_test == 0.5").set_index("architecture")
    every, given = accuracies("cifar10_jpeg"), {"mlp_small": "difference ", "mlp_medium": ""}
    for arch, word in given.items():
        noisy, clean = (100 * (every[arch, alpha, 0.0] - every[arch, alpha, 0.5]).mean() for alpha in (0.5, 0.0))
        low, high = -100 * drops.loc[arch, ["high", "low"]]
        assert f"{noisy:.1f} instead of {clean:.1f}" in text and f"({word}{low:.1f} to {high:.1f})" in text
    assert drops["low"]["mlp_large"] < 0 < drops["high"]["mlp_large"]


def test_the_page_gives_the_worst_draws():
    sweep = pd.read_csv(RESULTS / "weight_noise/mnist/sweep.csv")
    worst = sweep.query("architecture == 'cnn' and alpha_test == 1").groupby("alpha_train")["acc_min"].min()
    sentence = "leaves {:.0f} % accuracy without training noise and {:.0f} % with α_train = 0.5"
    assert sentence.format(100 * worst[0.0], 100 * worst[0.5]) in page(PAGE)


def test_the_page_gives_the_core_hours():
    folder = RESULTS / "weight_noise/mnist"
    runs = pd.read_csv(folder / "results_per_run.csv")
    sentence = f"The {len(runs)} networks took {core_hours(folder):.1f} core hours of training and evaluation"
    assert f"{sentence} (planned: {planned_hours(folder):.1f})" in page(PAGE)
