"""Perturbative networks: pairs by level, published experiments, tables and figures."""

import json
import statistics

import pytest

from campaign.analysis import tables
from campaign.analysis.questions import masks
from campaign.analysis.statistics import paired_differences
from nnet.architectures.base import build_model
from studies import pnn_control
from studies.pnn import PARTS
from tests.campaign.analysis.drawing import draw_all, plain, stored
from tests.campaign.analysis.making import result

QUIET = {0: 0.50, 1: 0.60, 2: 0.55}
LOUD = {0: 0.53, 1: 0.61, 2: 0.57}
MASKS = {"nmasks": 8, "nfilters": 7}


def run(seed: int, accuracy: float, **changed) -> dict:
    settings = {"arch": "perturb_resnet18"} | changed
    if "options" in settings:
        settings["options"] = {settings["arch"]: settings["options"]}
    return result(seed, (accuracy, accuracy), **settings)


def study() -> list[dict]:
    quiet = [run(seed, accuracy, options=MASKS | {"level": 0}) for seed, accuracy in QUIET.items()]
    loud = [run(seed, accuracy, options=MASKS) for seed, accuracy in LOUD.items()]  # at the default level
    other = [run(seed, 0.9, options={"nmasks": 1, "level": 0.5}) for seed in QUIET]
    without = [run(seed, 0.7, arch="pnn_resnet18", options={"nfilters": 3}) for seed in QUIET]
    return quiet + loud + other + without


def test_runs_that_differ_in_the_level_alone_are_paired():
    made = tables.build(study())
    found = made["level_differences"].set_index("alpha_test")
    differences = [LOUD[seed] - QUIET[seed] for seed in QUIET]
    half = 4.302652729911275 * statistics.stdev(differences) / 3**0.5
    row = found.loc[0.0]
    assert row["n_seeds"] == 3 and row["level"] == 0.5 and row["noise_type"] == "uniform"
    assert row["noise_std"] == pytest.approx(0.5 / 3**0.5)  # of U(-1/2, 1/2)
    assert row["mean_difference"] == pytest.approx(statistics.fmean(differences))
    assert (row["low"], row["high"]) == pytest.approx((row["mean_difference"] - half, row["mean_difference"] + half))
    assert len(found) == 2 and "published" not in made


def test_rows_without_the_option_are_left_out():
    made = tables.build(study()[-3:] + [run(0, 0.1, arch="cnn")])
    assert "level_differences" not in made
    sweep = tables.with_settings(made["sweep"], made["results_per_run"])
    assert paired_differences(sweep, by="level", reference=0).empty


def test_the_published_experiments_stand_beside_their_runs():
    its = {"arch": PARTS[3]["arch"], "options": PARTS[3]["options"][PARTS[3]["arch"]], "dataset": "cifar10"}
    runs = [run(seed, 0.8 + seed / 100, **its) for seed in range(3)]
    for more in ([], study()):
        (row,) = tables.build(runs + more)["published"].to_dict("records")
        assert (row["experiment"], row["published_acc"], row["n_seeds"], row["n_diverged"]) == (4, 0.855, 3, 0)
        assert row["mean_acc"] == pytest.approx(0.81) and row["stderr_acc"] == pytest.approx(0.01 / 3**0.5)
        assert row["epochs"] == runs[0]["epochs"]
    others = [run(0, 0.4, **its, learning_rate=0.1), run(0, 0.3, **its, regime="noisy", alpha_train=0.1)]
    others.append(run(0, 0.9, **its | {"dataset": "digits"}))
    made = tables.build(runs + others)["published"]
    found = sorted(zip(made["n_seeds"], made["mean_acc"].round(4), strict=True))
    assert found == [(1, 0.3), (1, 0.4), (1, 0.9), (3, 0.81)]
    assert made.set_index("dataset")["published_acc"].isna().to_dict() == {"cifar10": False, "digits": True}
    (row,) = tables.build([run(0, 0.8, **its), run(1, 0.1, **its, diverged=True)])["published"].to_dict("records")
    assert (row["n_seeds"], row["n_diverged"]) == (1, 1)


def test_tables_and_figures_are_written_read_and_reported(tmp_path):
    store = stored(tmp_path / "photographs", study())
    made = tables.read(store.folder)
    assert len(made["level_differences"]) == 2 and "minus that at level 0" in masks.report(made)
    assert "level_differences" in draw_all(store.folder)


def test_the_figure_of_the_smoothed_accuracy(tmp_path):
    history = [
        {"epoch": epoch, "train_loss": 1.0, "test_acc": 0.5 + epoch / 100, "smoothed_acc": 0.52 - epoch / 100}
        for epoch in range(1, 5)
    ]
    store = stored(tmp_path / "photographs", [item | {"history": history} for item in study()])
    epochs = tables.read(store.folder)["epochs"]
    assert {"test_acc", "smoothed_acc"} <= set(epochs) and len(epochs) == 4 * 12
    assert "smoothed_accuracy" in draw_all(store.folder)


def test_the_figure_of_the_smoothed_accuracy_has_a_panel_for_every_setting():
    history = [{"epoch": epoch, "train_loss": 1.0, "test_acc": 0.5, "smoothed_acc": 0.5} for epoch in (1, 2)]
    runs = [run(seed, 0.5, p=p) | {"history": history} for seed in range(3) for p in (0.0, 0.3)]
    figure = masks.figures(tables.build(runs))["smoothed_accuracy"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == 2 and any("p = 0.3" in plain(title) for title in titles)


def test_other_folders_have_no_such_tables():
    assert not {"level_differences", "published"} & tables.build([result(seed) for seed in range(2)]).keys()


def test_the_networks_of_the_control_have_about_as_many_weights_and_its_pairs_differ_in_the_level_alone():
    networks = []
    for part in pnn_control.PARTS:
        assert part.keys() == {"arch", "options"}
        choices = part["options"] if isinstance(part["options"], list) else [part["options"]]
        networks += [(part["arch"], options[part["arch"]]) for options in choices]
    weights = []
    for arch, options in networks:
        model = build_model(arch, "relu", (3, 16, 16), **options)
        weights.append(sum(p.numel() for name, p in model.named_parameters() if not name.endswith("noise")))
    assert len(networks) == 10 and max(weights) <= 1.06 * min(weights)
    with_level = [options for _, options in networks if "level" in options]
    pairs = {json.dumps({name: value for name, value in options.items() if name != "level"}) for options in with_level}
    assert len(with_level) == 8 and len(pairs) == 4
