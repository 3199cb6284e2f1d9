"""Runs with validation images: the table of their epochs, differences to the baseline, and their figures."""

import math
import statistics

import numpy as np
import pytest

from campaign.analysis import panels, report, tables
from campaign.analysis.questions import baseline, weight_noise
from campaign.analysis.questions.baseline import MEASURES
from tests.campaign.analysis.drawing import draw_all, stored
from tests.campaign.analysis.making import result

CLEAN = {0: [0.50, 0.60, 0.55, 0.58], 1: [0.40, 0.70, 0.65, 0.60], 2: [0.45, 0.50, 0.55, 0.54]}
NOISY = {0: [0.50, 0.60, 0.59, 0.57], 1: [0.40, 0.70, 0.72, 0.66], 2: [0.45, 0.50, 0.53, 0.56]}
"""Validation accuracies of four epochs by seed; the noisy runs have noise from epoch 3 on."""


def run(regime: str, seed: int, accuracies: list[float], shift: float = 0.0, **changed) -> dict:
    history = [
        {"epoch": epoch, "train_loss": 2.0 / epoch, "val_loss": 3.0 / epoch, "val_acc": accuracy + shift}
        for epoch, accuracy in enumerate(accuracies, 1)
    ]
    accuracies = [accuracy + shift for accuracy in accuracies]
    columns = {"val_acc_last": accuracies[-1], "val_acc_best": max(accuracies), "val_acc_best_epoch": 2}
    if regime == "adaptive":
        for row in history:
            late = row["epoch"] > 2
            flags = ["gradient_plateau", "val_plateau"] if late else []
            row |= {"noise": "gradient" if late else None, "strength": 0.1 * late, "flags": flags}
        columns |= {"noisy_epochs": 2, "first_noisy_epoch": 3, "val_acc_best_after_noise": max(accuracies[2:])}
    made = result(
        seed, (accuracies[-1] + 0.01, 0.3), columns=columns, regime=regime, alpha_train=0.2, validation_share=0.1,
        **changed,
    )  # fmt: skip
    return made | {"history": history, "events": [{"epoch": 3, "event": "activation"}]}


def study(shift: float = 0.0, **changed) -> list[dict]:
    return [
        run(regime, seed, accuracies[seed], shift, **changed)
        for regime, accuracies in (("clean", CLEAN), ("adaptive", NOISY))
        for seed in range(3)
    ]


def test_every_epoch_is_a_row_with_what_was_measured_and_what_there_was_of_noise(tmp_path):
    store = stored(tmp_path / "digits", study())
    epochs = tables.read(store.folder)["epochs"]
    assert len(epochs) == 6 * 4
    row = epochs[(epochs["regime"] == "adaptive") & (epochs["seed"] == 1)].set_index("epoch").loc[3]
    assert (row["val_acc"], row["noise"], row["strength"]) == (0.72, "gradient", 0.1)
    assert row["flags"] == "gradient_plateau val_plateau" and row["architecture"] == "mlp_small"
    assert epochs.loc[epochs["regime"] == "clean", ["noise", "strength", "flags"]].isna().all().all()
    assert "events" not in tables.read(store.folder)["results_per_run"]


def test_folders_without_validation_images_have_no_such_tables(tmp_path):
    store = stored(tmp_path / "digits", [result()])
    assert {path.stem for path in store.folder.glob("*.csv")} == set(tables.NAMES)


def test_differences_are_those_of_pairs_with_t_intervals():
    found = tables.build(study())["baseline_differences"].set_index("measure")
    expected = {
        "acc_0": [NOISY[seed][-1] - CLEAN[seed][-1] for seed in range(3)],
        "val_acc_last": [NOISY[seed][-1] - CLEAN[seed][-1] for seed in range(3)],
        "val_acc_best": [max(NOISY[seed]) - max(CLEAN[seed]) for seed in range(3)],
        "val_acc_best_after_noise": [max(NOISY[seed][2:]) - max(CLEAN[seed][2:]) for seed in range(3)],
    }
    assert expected.keys() == MEASURES.keys() == set(found.index)
    for measure, values in expected.items():
        row = found.loc[measure]
        half = 4.302652729911275 * statistics.stdev(values) / math.sqrt(3)
        assert row["n_seeds"] == 3 and row["mean_difference"] == pytest.approx(statistics.fmean(values))
        assert (row["low"], row["high"]) == pytest.approx(
            (row["mean_difference"] - half, row["mean_difference"] + half)
        )


def test_runs_are_paired_with_the_baseline_of_their_own_optimizer_only():
    sgd = [item for item in study(optimizer="sgd") if item["regime"] == "clean"]
    found = tables.build(study(shift=0.1, optimizer="adam") + sgd)["baseline_differences"]
    assert set(found["optimizer"]) == {"adam"} and set(found["n_seeds"]) == {3}
    alone = [item for item in study() if item["regime"] == "adaptive"]
    assert "baseline_differences" not in tables.build(alone)


def test_a_run_that_was_never_noisy_has_no_best_epoch_since_the_first_noise():
    results = study()
    results[3] |= {"noisy_epochs": 0, "first_noisy_epoch": None, "val_acc_best_after_noise": None}
    found = tables.build(results)["baseline_differences"].set_index("measure")
    assert found["n_seeds"].to_dict() == dict.fromkeys(MEASURES, 3) | {"val_acc_best_after_noise": 2}


def test_pairs_of_which_one_run_diverged_are_left_out_and_counted():
    results = study()
    for item in (results[0], results[5]):
        item |= {"status": "diverged", "measurements": []}
    found = tables.build(results)["baseline_differences"].set_index("measure")
    assert found["n_seeds"].to_dict() == dict.fromkeys(MEASURES, 1)
    assert set(found["n_diverged"]) == {2}
    assert found.loc["val_acc_best", "mean_difference"] == pytest.approx(max(NOISY[1]) - max(CLEAN[1]))
    assert set(tables.build(study())["baseline_differences"]["n_diverged"]) == {0}


def test_figures_can_be_drawn_where_every_run_diverged(tmp_path):
    results = study()
    for item in results:
        item |= {"status": "diverged", "measurements": []}
    store = stored(tmp_path / "digits", results)
    assert "n_diverged" in report.text(store.folder, tables.read(store.folder))
    assert "against_baseline" in draw_all(store.folder)


def epoch_figures(made) -> dict:
    """The figures of single runs, by name."""
    return {name: figure for name, figure in baseline.figures(made).items() if name != "against_baseline"}


def drawn_lines(axes) -> dict:
    return {line.get_label(): line.get_ydata() for line in axes.lines}


def test_the_epochs_of_the_first_seed_are_drawn_beside_its_baseline():
    made = tables.build(study() + study(arch="cnn"))
    (figure,) = epoch_figures(made).values()
    assert [axes.get_title() for axes in figure.axes[:2]] == ["CNN", "MLP 256-128"]
    loss, accuracy, difference, strength, flags = figure.axes[::2]
    assert drawn_lines(accuracy)["baseline"] == pytest.approx(100 * np.array(CLEAN[0]))
    assert drawn_lines(accuracy)["with noise"] == pytest.approx(100 * np.array(NOISY[0]))
    shown = 100 * (np.array(NOISY[0]) - np.array(CLEAN[0]))
    assert difference.lines[-1].get_ydata() == pytest.approx(shown)
    assert drawn_lines(loss)["with noise, training"] == pytest.approx([2, 1, 2 / 3, 0.5])
    assert [bar.get_x() + 0.5 for bar in strength.patches[:2]] == [3, 4]
    assert [bar.get_height() for bar in strength.patches[:2]] == [0.1, 0.1]
    raised = {
        name.get_text(): list(line.get_xdata()) for name, line in zip(flags.get_yticklabels(), flags.lines, strict=True)
    }
    assert raised == {"gradient plateau": [3, 4], "low update": [], "val plateau": [3, 4], "overfitting": []}
    assert "seed 0" in panels.caption(figure)
    shaded = sorted({patch.get_x() for patch in accuracy.patches})
    assert shaded == [2.5, 3.5]


def test_settings_of_the_noise_have_figures_of_their_own():
    uniform = [
        run("adaptive", seed, NOISY[seed], options={"adaptive": {"distribution": "uniform"}}) for seed in range(3)
    ]
    made = tables.build(study() + uniform)
    figures = epoch_figures(made)
    assert list(figures) == ["epochs", "epochs_2"]
    assert ["distribution = uniform" in panels.caption(figure) for figure in figures.values()] == [False, True]


def test_the_baseline_has_the_same_options_of_the_network():
    with_pool, without = (
        {"arch": "cifar_resnet18", "options": {"cifar_resnet18": {"stem_pool": pool}}} for pool in (True, False)
    )
    made = tables.build(study(**with_pool) + study(shift=0.1, **without))
    drawn = epoch_figures(made)
    for figure, shift in zip(drawn.values(), (0.1, 0.0), strict=True):
        assert len(figure.axes) == 5
        assert drawn_lines(figure.axes[1])["baseline"] == pytest.approx(100 * (np.array(CLEAN[0]) + shift))


def test_runs_without_noise_and_runs_without_a_baseline_are_drawn_too():
    results = study()
    quiet = [{**row, "noise": None, "strength": 0.0, "flags": []} for row in results[3]["history"]]
    alone = [results[3] | {"history": quiet}]
    unwatched = result(seed=0, regime="clean") | {"seed": -1}
    made = tables.build([*alone, unwatched])
    (figure,) = epoch_figures(made).values()
    assert drawn_lines(figure.axes[1])["with noise"] == pytest.approx(100 * np.array(NOISY[0]))
    assert len(drawn_lines(figure.axes[1])["baseline"]) == 0


def test_static_noise_is_a_line_below():
    results = study()
    for row in results[3]["history"]:
        row["static_strength"] = 0.2
    made = tables.build(results)
    (figure,) = epoch_figures(made).values()
    assert figure.axes[3].lines[0].get_ydata() == pytest.approx([0.2] * 4)


def test_one_legend_stands_above_the_panels():
    results = study(optimizer="sgd", learning_rate=0.05) + study(optimizer="adam", learning_rate=0.01)
    drawings = weight_noise.figures(tables.build(results))
    for figure in (drawings["drop_at_01"], drawings["accuracy"]):
        assert figure.axes[0].get_legend() is None and len(figure.legends[0].get_texts()) == 4


def test_differences_are_drawn_in_percentage_points_with_their_intervals():
    made = tables.build(study())
    differences, figure = made["baseline_differences"], baseline.figures(made)["against_baseline"]
    assert len(figure.axes) == 4 and "n = 3 seeds" in panels.caption(figure)
    row = differences.set_index("measure").loc["val_acc_best"]
    line, _, (bars,) = figure.axes[2].containers[0]
    assert line.get_xdata() == pytest.approx([100 * row["mean_difference"]])
    assert bars.get_segments()[0][:, 0] == pytest.approx([100 * row["low"], 100 * row["high"]])


def test_the_report_shows_the_differences():
    made = tables.build(study())
    shown = baseline.report(made)
    assert "paired differences from the baseline" in shown
    row = made["baseline_differences"].set_index("measure").loc["val_acc_last"]
    words = [f"{100 * row[name]:+.2f}" for name in ("mean_difference", "low", "high")]
    assert any(line.split()[-3:] == words for line in shown.splitlines())
