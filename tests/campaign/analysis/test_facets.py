"""Panels of networks that were measured in several ways with one evaluation."""

import pytest

from campaign.analysis import questions, tables
from campaign.analysis.questions import evaluations, weight_noise
from nnet.config import TrainConfig
from tests.campaign.analysis.drawing import CLEAN, drawn, plain
from tests.campaign.analysis.making import also, measurement, point, result

TIMES = (25.0, 3600.0)


def in_two_ways(seed: int, **training) -> dict:
    """A network on devices with and without drift compensation, and under noise of two models."""
    run = result(seed, (0.9, 0.8), **training)
    for options, lost in (({}, 0.1), ({"pcm": {"drift_compensation": False}}, 0.4)):
        cfg = TrainConfig(seed=seed, evaluations=("pcm",), options=options, **training)
        run = also(run, measurement(cfg, [point(time, 0.9 - lost * (time > TIMES[0])) for time in TIMES], "pcm"))
    cfg = TrainConfig(seed=seed, options={"weight_noise": {"noise_model": "magnitude"}}, **training)
    return also(run, measurement(cfg, [point(0.0, 0.9), point(0.1, 0.5)]))


@pytest.fixture(scope="module")
def made():
    arms = [dict(regime="clean"), dict(regime="noisy", alpha_train=0.2)]
    return tables.build([in_two_ways(seed, **arm) for arm in arms for seed in (0, 1)])


def test_devices_with_and_without_drift_compensation_have_a_panel_each(made):
    figure = evaluations.figures(made)["pcm"]
    titles = [plain(axes.get_title()) for axes in figure.axes]
    assert titles == [f"MLP 256-128, measured {how} drift compensation" for how in ("with", "without")]
    with_it, without = (drawn(axes)[CLEAN][1] for axes in figure.axes)
    assert with_it == pytest.approx([90, 80]) and without == pytest.approx([90, 50])


def test_noise_models_share_no_axis(made):
    figures = weight_noise.figures(made)
    models = [f"MLP 256-128, measured with noise relative to {what}" for what in ("the tensor's std", "each weight")]
    for name in ("accuracy", "drop", "paired_difference"):
        assert [plain(axes.get_title()) for axes in figures[name].axes] == models
        assert all(len(drawn(axes)) == (1 if name == "paired_difference" else 2) for axes in figures[name].axes)
    (axes,) = figures["drop_at_01"].axes
    assert [plain(text.get_text()) for text in axes.get_xticklabels()] == models
    places, drops, _ = drawn(axes)[CLEAN]
    assert dict(zip(map(int, places), drops, strict=True)) == pytest.approx({0: 10, 1: 40})


def test_the_best_accuracy_of_the_comparison_is_that_of_one_noise_model(made):
    noisy = [line for line in questions.texts(made)["comparison.md"].splitlines() if "noise_model magnitude" in line]
    assert noisy and all("**50.00" in line for line in noisy) and len(noisy) == 2


def test_a_strength_that_was_not_measured_has_no_figure():
    runs = [result(seed, alpha_tests=(0, 0.2)) for seed in (0, 1)]
    for run in runs:
        for one in run["measurements"][0]["points"]:
            one["strength"] *= 2
    assert "drop_at_01" not in weight_noise.figures(tables.build(runs))


def test_the_noise_of_a_device_is_relative_to_nothing_else():
    arms = [dict(noise_model="range"), dict(alpha_train=1.0, options={"noisy": {"device": "pcm"}})]
    runs = [result(seed, regime="noisy", **{"alpha_train": 0.2} | arm) for arm in arms for seed in (0, 1)]
    axes = weight_noise.figures(tables.build(runs))["accuracy"].axes[0]
    names = [plain(text) for text in axes.get_legend_handles_labels()[1]]
    assert "trained with noise, α_train = 1, device = pcm" in names


def test_the_model_of_noise_is_not_said_of_training_without_noise():
    arms = [dict(alpha_train=0), dict(alpha_train=0.056, noise_model="range")]
    runs = [result(seed, regime="beta", **arm) for arm in arms for seed in (0, 1)]
    axes = weight_noise.figures(tables.build(runs))["accuracy"].axes[0]
    noisy = "adversarial (β), α_train = 0.056, noise relative to the tensor's maximum"
    assert [plain(text) for text in axes.get_legend_handles_labels()[1]] == ["adversarial (β)", noisy]
