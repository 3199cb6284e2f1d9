"""The published table of insensitivity beside runs: which runs belong to it, and what is shown."""

import statistics

import pytest

from campaign.analysis import tables
from campaign.analysis.questions import evaluations
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import draw_all, stored
from tests.campaign.analysis.making import also, measurement, point, result


def run(seed, accuracy, split="patients", **changed):
    """A run of srnn on ecg with this accuracy at ζ = 0.1, measured in one further way."""
    options = changed.pop("options", {}) | {"ecg": {"split": split}}
    fields = dict(dataset="ecg", arch="srnn", noise_model="magnitude", evaluations=("quantization",), options=options)
    made = result(seed, (accuracy + 0.05, accuracy), **fields | changed)
    cfg = TrainConfig(seed=seed, alpha_tests=(0, 0.1), **fields | changed)
    return also(made, measurement(cfg, [point(8.0, accuracy)], "quantization"))


@pytest.fixture(scope="module")
def campaign():
    beta = {"regime": "beta", "alpha_train": 0.3, "options": {"beta": {"beta_robustness": 0.1}}}
    runs = [run(seed, 0.8 + seed / 100, split) for seed in range(3) for split in ("patients", "beats")]
    runs += [run(seed, 0.9 + seed / 100, **beta) for seed in range(3)]
    return [*runs, run(0, 0.7, regime="sam"), run(0, 0.7, dropout=0.3), run(0, 0.1, arch="gru")]


def test_published_methods_stand_beside_their_runs(campaign):
    rows = tables.build(campaign)["published_insensitivity"].set_index(["split", "method", "alpha_test"])
    assert set(rows.index) == {
        (split, method, alpha)
        for split, method in [
            ("patients", "clean"),
            ("beats", "clean"),
            ("patients", "dropout"),
            ("patients", "beta with noise"),
        ]
        for alpha in (0.0, 0.1)
    }
    row = rows.loc["patients", "clean", 0.1]
    assert (row["n_seeds"], row["published_mean"], row["published_std"]) == (3, 0.9895, pytest.approx(0.0027))
    assert row["mean_acc"] == pytest.approx(0.81)
    assert row["stderr_acc"] == pytest.approx(statistics.stdev([0.80, 0.81, 0.82]) / 3**0.5)
    assert row["difference_in_se"] == pytest.approx((0.81 - 0.9895) / row["stderr_acc"])
    assert rows.loc["patients", "beta with noise", 0.0]["published_mean"] == pytest.approx(0.9907)
    assert rows["difference_in_se"].isna().equals(rows["n_seeds"] == 1)


def test_the_comparison_and_the_figure_show_both(campaign, tmp_path):
    made = tables.build(campaign)
    text = evaluations.texts(made)["comparison.md"]
    assert "| ecg patients | clean | 86.00 ± 0.58 / 99.07 ± 0.04 | 81.00 ± 0.58 / 98.95 ± 0.27 |" in text
    stored(tmp_path, campaign)
    assert "published_insensitivity" in draw_all(tmp_path)
