"""Figures and differences of runs with corrupted pixels."""

import numpy as np
import pytest

from campaign.analysis import panels, tables
from campaign.analysis.questions import pixels
from tests.campaign.analysis.drawing import CLEAN, NOISY, draw_all, drawn, stored
from tests.campaign.analysis.making import result

NETWORKS = ["CNN 32-64 (one channel)", "MLP 256-128 (one channel)"]


def pixel_runs(**changed) -> list[dict]:
    return [
        result(seed, (0.9 - 0.5 * p + 0.01 * seed, 0), arch=arch, activation=activation, p=p, **changed)
        for arch in ("pixel_cnn", "pixel_mlp")
        for activation in ("relu", "tanh")
        for p in (0, 0.4, 1)
        for seed in range(3)
    ]


def test_accuracy_against_p_has_a_row_per_architecture_and_a_panel_per_activation():
    figure = pixels.figures(tables.build(pixel_runs()))["pixels"]
    titles = [f"{network}, {activation}" for network in NETWORKS for activation in ("ReLU", "tanh")]
    assert [axes.get_title() for axes in figure.axes] == titles
    assert [axes.get_subplotspec().rowspan.start for axes in figure.axes] == [0, 0, 1, 1]
    x, y, bars = drawn(figure.axes[3])[pixels.NO_LEGEND]
    assert not figure.legends  # all panels show networks of one regime
    assert list(x) == [0, 0.4, 1] and y == pytest.approx([91, 71, 41]) and bars == pytest.approx([1 / np.sqrt(3)] * 3)
    assert "n = 3 seeds" in panels.caption(figure)
    assert "%" in figure.get_supylabel() and ", p" in figure.get_supxlabel()


def test_all_activations_are_on_one_axis_per_architecture():
    figure = pixels.figures(tables.build(pixel_runs()))["pixels_by_activation"]
    assert [axes.get_title() for axes in figure.axes] == NETWORKS
    assert list(drawn(figure.axes[0])) == ["ReLU", "tanh"]  # all have one regime, which says nothing of pixels


def test_lines_of_several_regimes_say_which():
    noisy = pixel_runs(regime="noisy", alpha_train=0.2)
    figure = pixels.figures(tables.build(pixel_runs() + noisy))["pixels_by_activation"]
    assert list(drawn(figure.axes[0])) == [
        f"{regime}, {name}" for regime in (CLEAN, NOISY) for name in ("ReLU", "tanh")
    ]


def test_each_p_is_compared_with_p_0_seed_by_seed():
    differences = tables.build(pixel_runs())["pixel_differences"]
    assert len(differences) == 2 * 2 * 2 and set(differences["n_seeds"]) == {3}
    assert list(differences.query("p == 0.4")["mean_difference"]) == pytest.approx([-0.2] * 4)
    assert set(differences["alpha_test"]) == {0}


def test_a_campaign_that_is_half_done_has_its_lines_named_and_its_few_points_hollow():
    done = [run for run in pixel_runs() if (run["architecture"] == "pixel_cnn") == (run["activation"] == "tanh")]
    done = [run for run in done if run["seed"] < 2 or run["architecture"] == "pixel_mlp"]
    figure = pixels.figures(tables.build(done))["pixels_by_activation"]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["ReLU", "tanh"]
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert [len(line.get_xdata()) for line in hollow if len(line.get_xdata())] == [3]


def test_corrupted_test_images_are_lines_of_their_own():
    figure = pixels.figures(tables.build(pixel_runs() + pixel_runs(corrupt_test=True)))["pixels"]
    assert list(drawn(figure.axes[0])) == [CLEAN, f"{CLEAN}, measured with corrupted test images"]


def test_only_figures_with_data_are_drawn(tmp_path):
    quiet = pixel_runs()
    for run in quiet:
        del run["measurements"][0]["points"][1:]
    store = stored(tmp_path / "pixels/digits", quiet)
    assert list(draw_all(store.folder)) == ["pixels", "pixels_by_activation"]
