"""Figures, paired differences and the report about accuracy under weight noise."""

import json

import numpy as np
import pytest

from campaign.analysis import panels, tables
from campaign.analysis.questions import weight_noise
from tests.campaign.analysis.drawing import CLEAN, NOISY, drawn, plain, runs, stored
from tests.campaign.analysis.making import result


def test_accuracy_has_a_panel_per_architecture_and_a_line_per_regime_with_standard_errors():
    figure = weight_noise.figures(tables.build(runs()))["accuracy"]
    assert [axes.get_title() for axes in figure.axes] == ["CNN", "MLP 256-128"]
    lines = drawn(figure.axes[0])
    assert list(lines) == [CLEAN, NOISY]
    x, y, bars = lines[NOISY]
    assert list(x) == [0, 0.1]
    assert y == pytest.approx([91, 87]) and bars == pytest.approx([1 / np.sqrt(3), 2 / np.sqrt(3)])
    assert "n = 3 seeds" in panels.caption(figure)
    assert "%" in figure.get_supylabel() and "α_test" in plain(figure.get_supxlabel())


def test_the_drop_is_in_percentage_points_and_zero_is_on_the_axis():
    figure = weight_noise.figures(tables.build(runs()))["drop"]
    assert drawn(figure.axes[1])[CLEAN][1] == pytest.approx([0, 9])
    low, high = figure.axes[0].get_xlim()
    assert low < 0 and high > 0.1
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "0.1"]


def test_drops_at_one_alpha():
    axes = weight_noise.figures(tables.build(runs()))["drop_at_01"].axes[0]
    lines = drawn(axes)
    assert lines[CLEAN][1] == pytest.approx([9, 9]) and lines[NOISY][1] == pytest.approx([4, 4])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["CNN", "MLP 256-128"]


def test_the_paired_difference_has_t_intervals():
    figure = weight_noise.figures(tables.build(runs()))["paired_difference"]
    x, y, bars = drawn(figure.axes[0])[NOISY]
    assert y == pytest.approx([0, 5]) and bars == pytest.approx([0, 0], abs=1e-9)
    about = panels.caption(figure)
    assert "95 %" in about and "Student t" in about and f"minus that of “{CLEAN}”" in about
    assert figure.legends[0].get_title().get_text() == f"difference from “{CLEAN}”"


def test_paired_differences_are_those_of_accuracy_and_of_drop():
    differences = tables.build(runs())["differences"].set_index(["architecture", "measure", "alpha_test"])
    assert len(differences) == 2 * 2 * 2 and set(differences["n_seeds"]) == {3}
    assert differences.loc[("cnn", "acc", 0.1), "mean_difference"] == pytest.approx(0.05)
    assert differences.loc[("cnn", "drop", 0.1), "mean_difference"] == pytest.approx(-0.05)
    assert set(differences["reference"]) == {"clean"}


def test_a_campaign_may_name_another_reference(tmp_path):
    by_p = [result(seed, (0.9, 0.8 + p), p=p) for seed in range(2) for p in (0.0, 0.1)]
    store = stored(tmp_path / "digits", by_p)
    assert "differences" not in tables.read(store.folder)
    (store.folder / "campaign.json").write_text(json.dumps({"runs": [], "reference": {"p": 0}}))
    made = tables.write(store)
    cells = made["differences"].query("measure == 'acc'")
    assert list(cells["mean_difference"]) == pytest.approx([0, 0.1]) and set(cells["p"]) == {0.1}
    lines = drawn(weight_noise.figures(made)["paired_difference"].axes[0])
    assert list(lines) == [CLEAN]


@pytest.mark.parametrize("text", ["{}", '{"runs": []}', "[]", '{"reference": "clean"}', '{"reference": {}}', "{"])
def test_without_a_reference_runs_are_compared_with_clean(tmp_path, text):
    (tmp_path / "campaign.json").write_text(text)
    assert tables.reference_of(tmp_path) == tables.reference_of(tmp_path / "nowhere") == {"regime": "clean"}


def test_a_reference_that_no_run_has_gives_no_differences():
    for reference in ({"p": 0}, {"level": 0}, {"regime": "sam"}):
        assert "differences" not in tables.build(runs(), reference)


def test_runs_of_different_settings_are_different_lines():
    drawings = weight_noise.figures(tables.build(runs(epochs=10) + runs(epochs=1)))
    labels = list(drawn(drawings["accuracy"].axes[0]))
    assert labels == [f"{method}, epochs = {epochs}" for method in (CLEAN, NOISY) for epochs in (1, 10)]
    differences = list(drawn(drawings["paired_difference"].axes[0]))
    assert differences == [f"{NOISY}, epochs = 1", f"{NOISY}, epochs = 10"]


def test_points_with_missing_seeds_are_hollow():
    figure = weight_noise.figures(tables.build(runs()[:-1]))["accuracy"]
    assert "n = 2 to 3 seeds (hollow: fewer than 3)" in panels.caption(figure)
    hollow = [line for line in figure.axes[1].lines if line.get_gid() == panels.HOLLOW]
    assert len(hollow) == 1


def test_the_report_says_which_of_seeds_and_draws_would_narrow_the_bars():
    few = [result(seed, (0.9, accuracy)) for seed, accuracy in enumerate((0.8, 0.801))]
    assert "use more noise draws" in weight_noise.report(tables.build(few))
    assert "use more seeds" in weight_noise.report(tables.build(runs()))
    assert weight_noise.report(tables.build([result()])) == ""
