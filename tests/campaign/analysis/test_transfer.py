"""Whether robustness to one kind of perturbation transfers to the others: ranks, correlations, and what is shown."""

import statistics

import pytest

from campaign.analysis import questions, tables
from campaign.analysis.questions import transfer
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import draw_all, stored
from tests.campaign.analysis.making import also, measurement, point, result

METHODS = {"clean": (0.6, 0.9), "noisy": (0.8, 0.7), "sam": (0.7, 0.8)}
"""Accuracy under weight noise and with one bit of each regime."""


def run(seed, regime, noise, bits):
    fields = {"regime": regime, "alpha_train": 0.2 if regime == "noisy" else 0}
    cfg = TrainConfig(seed=seed, alpha_tests=(0, 0.1), evaluations=("quantization",), **fields)
    made = result(seed, (0.95, noise + seed / 100), evaluations=("quantization",), **fields)
    points = [point(1.0, bits - 0.1 + seed / 100), point(8.0, bits + 0.1 + seed / 100)]
    return also(made, measurement(cfg, points, "quantization"))


@pytest.fixture(scope="module")
def campaign():
    return [run(seed, regime, *accuracies) for regime, accuracies in METHODS.items() for seed in range(3)]


def test_methods_are_ranked_by_their_mean_accuracy_above_strength_0(campaign):
    rows = tables.build(campaign)["transfer"].set_index(["method", "kind"])
    assert set(rows.index.get_level_values("kind")) == {"weight_noise", "quantization"}
    ranks = {key: rank for key, rank in rows["rank"].items()}
    assert ranks == {
        ("noisy α = 0.2", "weight_noise"): 1, ("sam", "weight_noise"): 2, ("clean", "weight_noise"): 3,
        ("clean", "quantization"): 1, ("sam", "quantization"): 2, ("noisy α = 0.2", "quantization"): 3,
    }  # fmt: skip
    cell = rows.loc["clean", "quantization"]
    assert cell["n_seeds"] == 3 and cell["mean_robustness"] == pytest.approx(0.91)
    assert cell["stderr_robustness"] == pytest.approx(statistics.stdev([0.90, 0.91, 0.92]) / 3**0.5)


def test_methods_are_also_ranked_by_their_drop_which_does_not_depend_on_the_accuracy_without_perturbation():
    """Each method has drops of its own; what is more accurate without perturbation stays so under each of them."""
    campaign = []
    for seed in (0, 1):
        for regime, clean, noise, bits in (("clean", 0.9, 0.3, 0.1), ("sam", 0.7, 0.2, 0.2), ("awp", 0.5, 0.1, 0.3)):
            cfg = TrainConfig(seed=seed, regime=regime, evaluations=("quantization",))
            made = result(seed, (clean, clean - noise), regime=regime, evaluations=("quantization",))
            points = [point(1.0, clean - bits), point(8.0, clean - bits)]
            campaign.append(also(made, measurement(cfg, points, "quantization")))
    made = tables.build(campaign)
    rows = made["transfer"].set_index(["method", "kind"])
    for kind, order in (("weight_noise", ("awp", "sam", "clean")), ("quantization", ("clean", "sam", "awp"))):
        assert [rows.loc[(method, kind), "drop_rank"] for method in order] == [1, 2, 3]
        assert [rows.loc[(method, kind), "rank"] for method in ("clean", "sam", "awp")] == [1, 2, 3]
    assert rows.loc[("sam", "quantization"), "mean_drop"] == pytest.approx(0.2)
    (row,) = made["transfer_correlation"].to_dict("records")
    assert (row["rank_correlation"], row["drop_correlation"]) == (pytest.approx(1), pytest.approx(-1))


def test_a_kind_without_drops_is_ranked_by_accuracy_alone(campaign, tmp_path):
    """As where it was measured on other images than the accuracy without perturbation."""
    other = [
        one | {"settings": one["settings"] | {"max_test_samples": 100}}
        for run in campaign
        for one in run["measurements"][1:]
    ]
    runs = [run | {"measurements": [run["measurements"][0], one]} for run, one in zip(campaign, other, strict=True)]
    made = tables.build(runs)
    (row,) = made["transfer_correlation"].to_dict("records")
    assert (row["n_methods"], row["rank_correlation"]) == (3, pytest.approx(-1)) and row["drop_correlation"] != row[
        "drop_correlation"
    ]
    assert "nan" not in questions.texts(made)["transfer.md"] and "NA" not in questions.texts(made)["transfer.md"]
    stored(tmp_path, runs)
    texts = [text.get_text() for axes in draw_all(tmp_path)["transfer"].axes for text in axes.texts]
    assert len(texts) == 6 + 3 and not any("nan" in text or ".0:" in text for text in texts)


def test_opposite_orders_have_the_rank_correlation_minus_1(campaign):
    row = tables.build(campaign)["transfer_correlation"].iloc[0]
    assert {row["kind"], row["other_kind"]} == {"weight_noise", "quantization"}
    assert (row["n_methods"], row["rank_correlation"]) == (3, pytest.approx(-1))


def test_two_methods_have_no_order_to_compare(campaign):
    assert "transfer" not in tables.build(run for run in campaign if run["config"]["regime"] != "sam")


def test_settings_in_which_measurements_of_one_evaluation_differ_make_two_kinds(campaign):
    both = []
    for made in campaign:
        options = {"weight_noise": {"noise_model": "magnitude"}}
        training = {name: made["config"][name] for name in ("seed", "regime", "alpha_train")}
        cfg = TrainConfig(alpha_tests=(0, 0.1), options=options, **training)
        both.append(also(made, measurement(cfg, [point(0.0, 0.95), point(0.1, 0.5)], "weight_noise")))
    kinds = set(tables.build(both)["transfer"]["kind"])
    assert kinds == {"quantization", "weight_noise (noise_model tensor_std)", "weight_noise (noise_model magnitude)"}


def test_report_page_and_figure_show_it(campaign, tmp_path):
    made = tables.build(campaign)
    assert "rank correlation -1.00" in transfer.report(made)
    page = questions.texts(made)["transfer.md"]
    assert "| clean | 1: 91.0 ± 0.6 | 3: 61.0 ± 0.6 |" in page  # accuracy
    assert "| clean | 1: 4.0 ± 0.6 | 3: 34.0 ± 0.6 |" in page  # drop
    stored(tmp_path, campaign)
    assert "transfer" in draw_all(tmp_path)
