import subprocess
import sys

import numpy as np
import pytest

from campaign.analysis import figures, tables
from campaign.store.folder import Store
from tests.campaign.analysis.test_tables import result
from tests.conftest import ROOT


def runs(seeds=3, **changed) -> list[dict]:
    return [
        result(
            seed, (0.9 + 0.01 * seed, 0.8 + shift + 0.02 * seed), arch=arch, regime=regime, alpha_train=0.2, **changed
        )
        for arch in ("cnn", "mlp_small")
        for regime, shift in (("clean", 0.0), ("noisy", 0.05))
        for seed in range(seeds)
    ]


def drawn(axes) -> dict:
    """label -> (x, y, half-lengths of the error bars) of what `errorbar` drew."""
    found = {}
    for container in axes.containers:
        line, _, (bars,) = container
        halves = [(segment[1, 1] - segment[0, 1]) / 2 for segment in bars.get_segments() if len(segment)]
        found[container.get_label()] = (*line.get_data(), np.array(halves))
    return found


def test_accuracy_has_a_panel_per_architecture_and_a_line_per_regime_with_standard_errors():
    made = tables.build(runs())
    figure = figures.accuracy_against_alpha(made["results_summary"], "12 of 12 runs")
    assert [axes.get_title() for axes in figure.axes] == ["cnn", "mlp_small"]
    lines = drawn(figure.axes[0])
    assert list(lines) == ["clean", "noisy α = 0.2"]
    x, y, bars = lines["noisy α = 0.2"]
    assert list(x) == [0, 0.1]
    assert y == pytest.approx([91, 87]) and bars == pytest.approx([1 / np.sqrt(3), 2 / np.sqrt(3)])
    assert "n = 3 seeds" in figure.get_suptitle() and "12 of 12 runs" in figure.get_suptitle()
    assert "%" in figure.get_supylabel() and "α_test" in figure.get_supxlabel()


def test_zero_is_on_the_axis():
    axes = figures.drop_against_alpha(tables.build(runs())["results_summary"]).axes[0]
    low, high = axes.get_xlim()
    assert low < 0 and high > 0.1
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "0.1"]


def test_drop_is_in_percentage_points():
    figure = figures.drop_against_alpha(tables.build(runs())["results_summary"])
    assert drawn(figure.axes[1])["clean"][1] == pytest.approx([0, 9])


def test_bars_at_one_alpha():
    axes = figures.drop_at(tables.build(runs())["results_summary"], 0.1).axes[0]
    heights = sorted(patch.get_height() for patch in axes.patches)
    assert heights == pytest.approx([4, 4, 9, 9])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cnn", "mlp_small"]


def test_the_paired_difference_has_t_intervals():
    made = tables.build(runs())
    figure = figures.paired_difference(tables.with_settings(made["sweep"], made["results_per_run"]))
    x, y, bars = drawn(figure.axes[0])["noisy α = 0.2 − clean"]
    assert y == pytest.approx([0, 5]) and bars == pytest.approx([0, 0], abs=1e-9)
    assert "95 %" in figure.get_suptitle() and "Student t" in figure.get_suptitle()


def test_runs_of_different_settings_are_different_lines():
    made = tables.build(runs(epochs=10) + runs(epochs=1))
    labels = list(drawn(figures.accuracy_against_alpha(made["results_summary"]).axes[0]))
    assert labels == ["clean, epochs 1", "clean, epochs 10", "noisy α = 0.2, epochs 1", "noisy α = 0.2, epochs 10"]
    differences = figures.paired_difference(tables.with_settings(made["sweep"], made["results_per_run"]))
    assert list(drawn(differences.axes[0])) == ["noisy α = 0.2, epochs 1 − clean", "noisy α = 0.2, epochs 10 − clean"]


def test_points_that_miss_seeds_are_hollow():
    made = tables.build(runs()[:-1])
    figure = figures.accuracy_against_alpha(made["results_summary"])
    assert "n = 2 to 3 seeds (hollow: less than 3)" in figure.get_suptitle()
    hollow = [line for line in figure.axes[1].lines if line.get_markerfacecolor() == "white" and len(line.get_xdata())]
    assert len(hollow) == 1


@pytest.mark.parametrize("results", [[], runs(1), [result(0, diverged=True)], runs()[:3]], ids=len)
def test_every_figure_can_be_drawn_of_a_campaign_that_has_just_begun(results, tmp_path):
    store = Store(tmp_path / "digits")
    for item in results:
        store.save(item)
    store.remember_campaign([])
    tables.write(store)
    for path in figures.save_all(store.folder):
        assert path.stat().st_size > 1000 and path.with_suffix(".pdf").stat().st_size > 1000


def test_the_command_writes_png_and_pdf_and_says_where(tmp_path):
    command = [sys.executable, "-m", "campaign.analysis.figures", "--output-dir", str(tmp_path)]
    nothing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert nothing.returncode == 2 and nothing.stderr.count("\n") == 1 and "run a campaign first" in nothing.stderr
    store = Store(tmp_path / "digits")
    for item in runs():
        store.save(item)
    store.remember_campaign([])
    tables.write(store)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    for path in done.stdout.split():
        assert path.endswith(".png") and (ROOT / path).is_file()
    assert len(list((tmp_path / "digits/figures").iterdir())) == 2 * len(done.stdout.split()) == 8


def pixel_runs(**changed) -> list[dict]:
    return [
        result(seed, (0.9 - 0.5 * p + 0.01 * seed, 0), arch=arch, activation=activation, p=p, **changed)
        for arch in ("pixel_cnn", "pixel_mlp")
        for activation in ("relu", "tanh")
        for p in (0, 0.4, 1)
        for seed in range(3)
    ]


def test_accuracy_against_p_has_a_row_per_architecture_and_a_panel_per_activation():
    figure = figures.accuracy_against_p(tables.build(pixel_runs())["results_summary"], "36 of 36 runs")
    titles = ["pixel_cnn, relu", "pixel_cnn, tanh", "pixel_mlp, relu", "pixel_mlp, tanh"]
    assert [axes.get_title() for axes in figure.axes] == titles
    assert [axes.get_subplotspec().rowspan.start for axes in figure.axes] == [0, 0, 1, 1]
    x, y, bars = drawn(figure.axes[3])["clean"]
    assert list(x) == [0, 0.4, 1] and y == pytest.approx([91, 71, 41]) and bars == pytest.approx([1 / np.sqrt(3)] * 3)
    assert "n = 3 seeds" in figure.get_suptitle() and "36 of 36 runs" in figure.get_suptitle()
    assert "%" in figure.get_supylabel() and ", p" in figure.get_supxlabel()


def test_all_activations_are_on_one_axis_per_architecture():
    figure = figures.activations_against_p(tables.build(pixel_runs())["results_summary"])
    assert [axes.get_title() for axes in figure.axes] == ["pixel_cnn", "pixel_mlp"]
    assert list(drawn(figure.axes[0])) == ["clean, activation relu", "clean, activation tanh"]


def test_a_campaign_that_is_half_done_has_its_lines_named_and_its_few_points_hollow():
    done = [run for run in pixel_runs() if (run["architecture"] == "pixel_cnn") == (run["activation"] == "tanh")]
    done = [run for run in done if run["seed"] < 2 or run["architecture"] == "pixel_mlp"]
    figure = figures.activations_against_p(tables.build(done)["results_summary"])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["clean, activation relu", "clean, activation tanh"]
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert [len(line.get_xdata()) for line in hollow if len(line.get_xdata())] == [3]


def test_corrupted_test_images_are_lines_of_their_own():
    summary = tables.build(pixel_runs() + pixel_runs(corrupt_test=True))["results_summary"]
    labels = list(drawn(figures.accuracy_against_p(summary).axes[0]))
    assert labels == ["clean", "clean, corrupt_test True"]


def test_only_figures_that_have_data_are_drawn(tmp_path):
    store = Store(tmp_path / "pixels/digits")
    for item in pixel_runs():
        item["sweep"] = item["sweep"][:1]
        store.save(item | {"config": item["config"] | {"alpha_tests": [0.0]}})
    tables.write(store)
    assert [path.stem for path in figures.save_all(store.folder)] == ["pixels", "pixels_by_activation"]
    command = [sys.executable, "-m", "campaign.analysis.figures", "--output-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split("/")[-4:-2] for line in done.stdout.split()] == [["pixels", "digits"]] * 2
