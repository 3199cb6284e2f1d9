"""The page of the study on heartbeats gives the committed numbers."""

import pandas as pd

from studies.parts.insensitivity import PUBLISHED
from tests.project.insensitivity import (
    OTHERS,
    TRAININGS,
    accuracies,
    intervals_that_exclude_zero,
    methods_name,
    significant,
    split_of,
)
from tests.project.pages import RESULTS, page, paired, signed


def test_the_sentences_on_heartbeats_follow_from_the_tables():
    text, by = page("docs/studies/adversarial_ecg.md"), accuracies("ecg", "beats")
    random, attacked = by["weight_noise"], 100 * by["worst_case"]
    mean, low, high = paired(random["clean", 0.5], random["beta with noise", 0.5])
    assert (
        f"{mean:.1f} points more accurate than with standard training (95 % interval {low:.1f} to {high:.1f})" in text
    )
    mean, low, high = paired(random["noisy", 0.5], random["dropout", 0.5])
    assert (
        f"differ by {mean:.1f} points, with an interval that includes zero ({signed(f'{low:+.1f} to {high:+.1f}')})"
        in text
    )
    found = intervals_that_exclude_zero(random)
    assert found.keys() == {*(("awp", ahead) for ahead in OTHERS if ahead != "awp"), ("beta", "noisy")}
    mean, low, high = found["beta", "noisy"]
    assert f"β is behind forward noise (by {mean:.1f} points, {low:.1f} to {high:.1f})" in text
    costs = {method: paired(random[method, 0.0], random["clean", 0.0]) for method in OTHERS}
    least, most = (f"{pick(mean for mean, *_ in costs.values()):.1f}" for pick in (min, max))
    assert f"the five methods are {least} to {most} points less accurate than standard training" in text
    assert [method for method, (_, low, _) in costs.items() if low <= 0] == ["beta"]
    published = {method: its[0][0] for method, its in PUBLISHED["ecg"].items()}
    assert f"networks lose at most {published['clean'] - min(published.values()):.1f} point." in text
    names = {method: name for name, method in TRAININGS.items()} | {"clean": "standard training"}
    names["beta with noise"] = "β and forward noise"
    hit = {method: attacked[method, 0.05] for method in names}
    order = sorted(names, key=lambda method: -hit[method].mean())
    words = [f"{hit[method].mean():.1f} ± {hit[method].sem():.1f} % with {names[method]}" for method in order]
    assert f"the accuracy is {', '.join(words[:-1])} and {words[-1]} (figure" in text
    lows = {method: paired(hit["clean"], hit[method])[1] for method in OTHERS}
    assert [method for method, low in lows.items() if low <= 0] == ["noisy"]
    runs = pd.read_csv(RESULTS / "adversarial/ecg/results_per_run.csv")
    standard = runs[[methods_name(run) == "clean" for _, run in runs.iterrows()]]
    losses = standard.groupby([split_of(run) for _, run in standard.iterrows()])[["train_loss", "test_loss"]].mean()
    for loss, words in (("train_loss", "epoch {:.2f} and {:.2f})"), ("test_loss", "test beats ({:.2f} and {:.2f})")):
        assert words.format(losses.loc["patients", loss], losses.loc["beats", loss]) in text
    assert len(significant("ecg")) == 3 and "Of its 40 differences for ζ above 0, three are significant" in text
    assert {(row["alpha_test"], row["regime"], split_of(row)) for row in significant("ecg")} == {
        (0.5, "beta", "beats"), (0.5, "noisy", "beats"), (0.7, "awp", "beats"),
    }  # fmt: skip


def test_by_patient_no_interval_of_an_accuracy_without_noise_excludes_that_of_a_guess():
    text, random = page("docs/studies/adversarial_ecg.md"), accuracies("ecg", "patients")["weight_noise"]
    unperturbed = [random[method, 0.0] for method in TRAININGS.values()]
    least, most = (100 * pick(accuracy.mean() for accuracy in unperturbed) for pick in (min, max))
    assert f"all methods have {least:.0f} to {most:.0f} % without noise" in text
    for accuracy in unperturbed:
        _, low, high = paired(0 * accuracy + 0.25, accuracy)
        assert low < 0 < high


def test_the_page_on_heartbeats_compares_the_ranks_by_drop_of_the_split_by_beats():
    text = page("docs/studies/adversarial_ecg.md")
    rows = pd.read_csv(RESULTS / "adversarial/ecg/transfer_correlation.csv").set_index("dataset")
    row = rows.loc["ecg (split beats)"]
    assert (row["kind"], row["other_kind"], row["n_methods"]) == ("weight_noise", "worst_case", 6)
    by_drop, by_accuracy = (f"{row[name]:.2f}" for name in ("drop_correlation", "rank_correlation"))
    assert f"perturbation is {by_drop} by mean drop and {by_accuracy} by mean accuracy" in text
    ranks = pd.read_csv(RESULTS / "adversarial/ecg/transfer.csv").query("dataset == 'ecg (split beats)'")
    worst = ranks.groupby("method")["drop_rank"].max()
    assert {method.split(",")[0] for method in worst[worst <= 4].index} == {"clean", "beta", "beta α = 0.3"}
    assert worst["clean, dropout 0.3"] <= 4 and worst["clean"] == 6
