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
    assert "drop_at_01" not in figures  # α = 0.1 has two meanings


def test_the_best_accuracy_of_the_comparison_is_that_of_one_noise_model(made):
    noisy = [line for line in questions.texts(made)["comparison.md"].splitlines() if "noise_model magnitude" in line]
    assert noisy and all("**50.00" in line for line in noisy) and len(noisy) == 2


def test_a_strength_that_was_not_measured_has_no_figure():
    runs = [result(seed, alpha_tests=(0, 0.2)) for seed in (0, 1)]
    for run in runs:
        for one in run["measurements"][0]["points"]:
            one["strength"] *= 2
    assert "drop_at_01" not in weight_noise.figures(tables.build(runs))


def names_in_legend(made) -> list[str]:
    axes = weight_noise.figures(made)["accuracy"].axes[0]
    return sorted(plain(text) for text in axes.get_legend_handles_labels()[1])


@pytest.mark.parametrize("further", [[], [dict(regime="noisy", noise_model="magnitude")]])
def test_the_noise_of_a_device_is_relative_to_nothing_else(further):
    device = dict(regime="noisy", alpha_train=1.0, options={"noisy": {"device": "pcm"}})
    arms = [dict(regime="beta", noise_model="range"), device, *further]
    made = tables.build([result(seed, **{"alpha_train": 0.2} | arm) for arm in arms for seed in (0, 1)])
    (name,) = [name for name in names_in_legend(made) if "α_train = 1" in name]
    assert name == "trained with noise, α_train = 1" + (", device = pcm" if further else "")
    of_device = made["results_per_run"]["alpha_train"] == 1
    assert made["results_per_run"].loc[of_device, "noise_model"].isna().all()


def test_a_regime_whose_file_is_gone_keeps_the_figures_of_the_others():
    runs = [result(seed, regime=regime, alpha_train=0.2) for regime in ("noisy", "beta") for seed in (0, 1)]
    for run in runs[2:]:
        run["regime"] = "gone"
    assert names_in_legend(tables.build(runs)) == ["gone, α_train = 0.2", "trained with noise, α_train = 0.2"]


def test_dashed_lines_belong_to_the_panel_with_their_settings():
    """Adversary and random corners, each on all images and on 100: a panel each, with the corners of that panel."""
    runs = []
    for seed in (0, 1):
        run = result(seed)
        for images, worst, random in ((None, 0.5, 0.8), (100, 0.4, 0.7)):
            names = ("random_corners", "worst_case")
            cfg = TrainConfig(seed=seed, evaluations=names, max_test_samples=images)
            for name, last in zip(names, (random, worst), strict=True):
                run = also(run, measurement(cfg, [point(0.0, 0.9), point(0.1, last)], name))
        runs.append(run)
    figure = evaluations.figures(tables.build(runs))["worst_case"]
    for axes, worst, random in zip(figure.axes, (50, 40), (80, 70), strict=True):
        assert drawn(axes)[CLEAN][1][-1] == pytest.approx(worst)
        dashed = [line.get_ydata()[-1] for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata())]
        assert dashed == pytest.approx([random])


def test_the_model_of_noise_is_not_said_of_training_without_noise():
    arms = [dict(alpha_train=0), dict(alpha_train=0.056, noise_model="range")]
    runs = [result(seed, regime="beta", **arm) for arm in arms for seed in (0, 1)]
    noisy = "adversarial (β), α_train = 0.056, noise relative to the tensor's maximum"
    assert names_in_legend(tables.build(runs)) == ["adversarial (β)", noisy]
