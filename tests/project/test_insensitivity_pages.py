"""The pages of the studies on adversarial weight regularisation give the committed numbers."""

import pandas as pd
import pytest

from studies.parts.insensitivity import PUBLISHED, STRENGTHS
from tests.conftest import ROOT
from tests.project.insensitivity import (
    CAMPAIGNS,
    OTHERS,
    TRAININGS,
    accuracies,
    in_standard_errors,
    intervals_that_exclude_zero,
    significant,
)
from tests.project.pages import RESULTS, page, paired, signed


@pytest.mark.parametrize(("name", "dataset", "split"), CAMPAIGNS)
def test_a_page_gives_the_committed_accuracies(name, dataset, split):
    beside = pd.read_csv(RESULTS / "adversarial" / dataset / "published_insensitivity.csv", na_filter=False)
    beside = beside[beside["split"] == split].set_index("method").sort_values("alpha_test")
    lines, label = [], "| published (by beats)" if split == "patients" else "| published"
    for training, method in TRAININGS.items():
        its = 100 * beside.loc[method, ["mean_acc", "stderr_acc", "published_mean"]]
        lines.append(" | ".join([f"| {training}", *(f"{mean:.1f} ± {error:.1f}" for mean, error, _ in its.to_numpy())]))
        lines.append(" | ".join([label, *(f"{mean:.1f}" for mean in its["published_mean"])]))
    assert " |\n".join(lines) in (ROOT / f"docs/studies/{name}.md").read_text()


@pytest.mark.parametrize(("name", "dataset", "split"), CAMPAIGNS)
def test_a_page_gives_the_paired_differences(name, dataset, split):
    text, random = page(f"docs/studies/{name}.md"), accuracies(dataset, split)["weight_noise"]
    for training, method in TRAININGS.items():
        cells = [paired(random["clean", zeta], random[method, zeta]) for zeta in (0.0, 0.3, 0.5, 0.7)]
        line = " | ".join(signed(f"{mean:+.1f} ({low:+.1f} to {high:+.1f})") for mean, low, high in cells)
        assert method == "clean" or f"| {training} | {line} |" in text, training


@pytest.mark.parametrize(("name", "dataset", "split"), CAMPAIGNS[:3])
def test_a_page_states_losses_and_order(name, dataset, split):
    text, random = page(f"docs/studies/{name}.md"), accuracies(dataset, split)["weight_noise"]
    lost, *others = (100 * (random[method, 0.0] - random[method, 0.5]).mean() for method in TRAININGS.values())
    assert (
        f"loses {lost:.1f} points of accuracy, the five other published methods {min(others):.1f} to {max(others):.1f}"
        in text
    )
    order = sorted(TRAININGS, key=lambda training: -random[TRAININGS[training], 0.5].mean())
    assert f"**The order at ζ = 0.5** is {', '.join(order)}." in text
    assert all(paired(random["clean", 0.5], random[method, 0.5])[1] > 0 for method in OTHERS)


@pytest.mark.parametrize(("name", "dataset", "split"), CAMPAIGNS[1:3])
def test_a_page_states_the_distance_from_the_published_accuracies_without_noise(name, dataset, split):
    least = -in_standard_errors(dataset, split, 0).max()
    assert f"at least {int(least)} of our standard errors below the published" in page(f"docs/studies/{name}.md")


def test_the_sentences_on_fashion_mnist_follow_from_the_tables():
    text, by = page("docs/studies/adversarial.md"), accuracies("fashion_mnist", "")
    random, attacked = by["weight_noise"], 100 * by["worst_case"]
    for zeta, words in (
        (0.5, "{:.1f} points more accurate than with standard training (95 % interval {:.1f} to {:.1f})"),
        (0.7, "at ζ = 0.7 {:.1f} points ({:.1f} to {:.1f})"),
    ):
        assert words.format(*paired(random["clean", zeta], random["beta with noise", zeta])) in text
    costs = {method: paired(random[method, 0.0], random["clean", 0.0]) for method in [*OTHERS, "sam"]}
    others = [costs[method][0] for method in OTHERS]
    assert f"the five methods are {min(others):.1f} to {max(others):.1f} points less accurate" in text
    assert min(costs, key=lambda method: costs[method][0]) == "sam" and "and loses least without noise" in text
    published = {method: dict(zip(STRENGTHS, its, strict=True)) for method, its in PUBLISHED["fashion_mnist"].items()}
    lost = published["clean"][0.0][0] - published["clean"][0.5][0]
    assert f"they lose {lost:.1f} points at ζ = 0.5" in text
    order = sorted(published, key=lambda method: -published[method][0.5][0])
    assert order == ["beta with noise", "noisy", "beta", "awp", "dropout", "clean"]
    pairs = [paired(random[one, 0.5], random[other, 0.5]) for one, other in (order[:2], order[2:4])]
    assert all(low < 0 < mean < 1 for mean, low, _ in pairs)
    words = "; ".join(signed(f"{mean:.1f} points, {low:+.1f} to {high:+.1f}") for mean, low, high in pairs)
    assert f"with intervals that include zero ({words})" in text
    found = intervals_that_exclude_zero(random)
    assert found.keys() == {*(("dropout", ahead) for ahead in OTHERS if ahead != "dropout"), ("beta", "noisy")}
    assert "β is behind forward noise (by {:.1f} points, {:.1f} to {:.1f})".format(*found["beta", "noisy"]) in text
    assert max(published, key=lambda method: random[method, 0.7].mean()) == "beta with noise"
    mean, low, high = paired(random["noisy", 0.5], random["sam", 0.5])
    assert signed(f"(difference {mean:.1f} points, {low:+.1f} to {high:+.1f})") in text
    kept = [
        attacked[method, 0.1].mean()
        for method in ("beta", "beta with noise", "awp", "noisy", "sam", "dropout", "clean")
    ]
    words = "β keep {:.1f} %, those with β and forward noise {:.1f} %, with AWP {:.1f} %, with forward noise {:.1f} %, "
    assert (words + "with SAM {:.1f} %, with dropout {:.1f} % and standard ones {:.1f} % (").format(*kept) in text


def test_fashion_mnist_ranks_kinds_of_perturbation_and_distances_as_its_page_says():
    text = page("docs/studies/adversarial.md")
    folder = RESULTS / "adversarial/fashion_mnist"
    pairs = pd.read_csv(folder / "transfer_correlation.csv").set_index(["kind", "other_kind"])
    drops, noise = pairs["drop_correlation"], "weight_noise"
    assert f"under an adversary (rank correlation {drops[noise, 'worst_case']:.2f})" in text
    assert f"and in random corners ({drops['random_corners', noise]:.2f})" in text
    assert f"under quantisation ({drops['quantization', noise]:.2f})" in text
    by_accuracy = pairs["rank_correlation"][noise, "worst_case"]
    assert f"By accuracy the orders agree less ({by_accuracy:.2f} for noise and an adversary)" in text
    beta = pd.read_csv(folder / "transfer.csv").set_index(["method", "kind"])["rank"]["beta, beta_robustness 0.25"]
    assert "β has the highest accuracy against an adversary, but only the fifth under weight noise" in text
    assert (beta["worst_case"], beta[noise]) == (1, 5)
    apart = in_standard_errors("fashion_mnist", "", 0)
    others = -apart[OTHERS]
    assert f"{-apart['clean']:.1f} of our standard errors below the published one" in text
    assert f"those of the other methods are {min(others):.0f} to {max(others):.0f} below theirs" in text
    at_half = in_standard_errors("fashion_mnist", "", 0.5)["clean"]
    assert f"at ζ = 0.5 standard training is {at_half:.0f} standard errors above" in text
    left = {
        (row["alpha_test"], row["regime"], row["alpha_train"], row["mean_difference"] > 0)
        for row in significant("fashion_mnist")
    }
    assert left == {(0.1, "beta", 0, False), (0.2, "beta", 0.3, False), (0.7, "sam", 0, True)}
    assert "Of its 25 intervals for ζ above 0, three exclude zero after Holm's correction: β at 0.1 and β with" in text


def test_the_sentences_on_spoken_words_follow_from_the_tables():
    text, by = page("docs/studies/adversarial_speech.md"), accuracies("speech_commands", "")
    random = by["weight_noise"]
    for ahead, words in (("beta", "is behind β (by"), ("beta with noise", "and behind β + forward noise (by")):
        mean, low, high = paired(random["noisy", 0.5], random[ahead, 0.5])
        assert f"{words} {mean:.1f} points, {low:.1f} to {high:.1f})" in text
    for method, words in (
        ("beta", "then {:.1f} points more accurate than with standard training (95 % interval {:.1f} to {:.1f})"),
        ("noisy", "with forward noise {:.1f} points ({:.1f} to {:.1f})"),
    ):
        assert words.format(*paired(random["clean", 0.5], random[method, 0.5])) in text
    assert len(intervals_that_exclude_zero(random)) == 2
    attacked = by["worst_case"]
    kept = [100 * attacked[method, 0.05].mean() for method in ("beta", "dropout", "clean")]
    assert "trained with β keep {:.1f} %, with dropout {:.1f} % and standard ones {:.1f} %".format(*kept) in text


def test_the_page_on_spoken_words_names_what_is_left_after_holms_correction():
    left = [(row["alpha_test"], row["regime"], row["alpha_train"]) for row in significant("speech_commands")]
    assert sorted(left) == [
        (0.5, "awp", 0), (0.7, "awp", 0), (0.7, "beta", 0), (0.7, "noisy", 0.3),
    ]  # fmt: skip
    text = page("docs/studies/adversarial_speech.md")
    assert (
        "Of its 20 intervals for ζ above 0, four exclude zero after Holm's correction: AWP at 0.5 and 0.7, β alone at"
        in text
    )
