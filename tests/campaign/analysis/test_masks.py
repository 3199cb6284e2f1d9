"""The study of perturbative networks: its experiments, pairs by level, tables and figures."""

import dataclasses
import json
import statistics

import pandas as pd
import pytest

import run_experiments
from campaign.analysis import pnn, tables
from campaign.analysis.questions import masks
from campaign.analysis.statistics import paired_differences
from nnet import registry
from nnet.architectures.base import build_model
from studies.pnn import PARTS
from tests.campaign.analysis.drawing import draw_all, stored
from tests.campaign.analysis.test_tables import result

QUIET = {0: 0.50, 1: 0.60, 2: 0.55}
LOUD = {0: 0.53, 1: 0.61, 2: 0.57}
MASKS = {"nmasks": 8, "nfilters": 7}


def run(seed: int, accuracy: float, **changed) -> dict:
    return result(seed, (accuracy, accuracy), **{"arch": "perturb_resnet18"} | changed)


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
    assert row["n_seeds"] == 3 and row["level"] == 0.5 and json.loads(row["options"]) == MASKS
    assert row["noise_std"] == pytest.approx(0.5 / 3**0.5)  # of U(-1/2, 1/2)
    assert row["mean_difference"] == pytest.approx(statistics.fmean(differences))
    assert (row["low"], row["high"]) == pytest.approx((row["mean_difference"] - half, row["mean_difference"] + half))
    assert len(found) == 2 and "published" not in made


def test_rows_without_the_option_are_left_out():
    made = tables.build(study()[-3:] + [run(0, 0.1, arch="cnn", options={})])
    assert "level_differences" not in made
    sweep = tables.with_settings(made["sweep"], made["results_per_run"])
    assert paired_differences(sweep, by="level", reference=0).empty


def test_the_published_experiments_stand_beside_their_runs():
    its = {"arch": PARTS[3]["arch"], "options": PARTS[3]["options"], "dataset": "cifar10"}
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
    assert len(titles) == 2 and any("p=0.3" in title for title in titles)


def test_other_folders_have_no_such_tables():
    assert not {"level_differences", "published"} & tables.build([result(seed) for seed in range(2)]).keys()


def test_the_published_experiments_as_configurations():
    configs = run_experiments.pnn_study()
    assert len(configs) == 8 * 3 and {config.epochs for config in configs} == {150}
    first, second = configs[0], configs[3]
    assert (first.arch, first.batch_size, first.learning_rate) == ("pnn_resnet18", 10, 1e-3)
    assert (second.arch, second.batch_size, second.learning_rate) == ("noiseresnet18", 10, 1e-4)
    assert {config.batch_size for config in configs[9:]} == {16}
    table = pd.DataFrame([vars(experiment) for experiment in pnn.EXPERIMENTS])
    assert table["number"].tolist() == [*range(1, 9)]
    for experiment in pnn.EXPERIMENTS:
        assert experiment.options.keys() <= {*registry.option_names("architectures", experiment.arch)}


def test_the_control_is_matched():
    configs = run_experiments.pnn_control_study()
    assert len(configs) == 10 * 5 and {config.seed for config in configs} == {0, 1, 2, 3, 4}
    weights = []
    for config in configs[::5]:
        model = build_model(config.arch, "relu", (3, 16, 16), **config.options)
        weights.append(sum(p.numel() for name, p in model.named_parameters() if not name.endswith("noise")))
    assert max(weights) <= 1.06 * min(weights)
    recipes = {json.dumps(config.science() | {"arch": "", "options": "", "seed": 0}) for config in configs}
    assert len(recipes) == 1
    cells = [config.options for config in configs[::5] if "level" in config.options]
    pairs = {json.dumps({name: value for name, value in options.items() if name != "level"}) for options in cells}
    assert len(cells) == 8 and len(pairs) == 4


def test_an_option_goes_to_the_networks_that_know_it():
    configs = run_experiments.pnn_control_study(lambda block: dataclasses.replace(block, options={"pooling": "avg"}))
    assert len(configs) == 10 * 5
    for config in configs:
        assert config.options.get("pooling") == ("avg" if config.arch == "perturb_resnet18" else None)
    with pytest.raises(ValueError, match="'momentums'"):
        run_experiments.pnn_study(lambda block: dataclasses.replace(block, options={"momentums": 3}))


@pytest.mark.parametrize("study", [run_experiments.pnn_study, run_experiments.pnn_control_study])
def test_a_network_of_which_a_study_has_no_runs_is_refused(study):
    with pytest.raises(ValueError, match="the study has no runs of 'cnn'; choose from"):
        study(lambda block: dataclasses.replace(block, architectures=["perturb_resnet18", "cnn"]))
