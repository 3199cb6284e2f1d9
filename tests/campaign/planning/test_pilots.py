"""Pilots: one run of each kind is tried, and says what the others cost."""

import dataclasses
import time

import pytest

from campaign.engines.workers import pilot, tasks
from campaign.grid import block as blocks
from campaign.grid import study as studies
from campaign.planning.costs import Cost, kind_of
from nnet import registry
from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.evaluations import random_corners
from nnet.record.unfinished import Partial
from nnet_models import get_device, train_and_evaluate, try_set_up


def test_a_pilot_measures_a_run_and_names_its_data(configs, quiet):
    config = dataclasses.replace(configs[1], validation_share=0.25, evaluations=("quantization",))
    outcome = tasks.pilot(config)
    cost, result = Cost(**outcome["cost"]), train_and_evaluate(config)
    assert (cost.train_images, cost.validation_images, cost.test_images) == (72, 24, 48)
    assert min(cost.setting_up_s, cost.step_s, cost.image_s, cost.memory_mb, cost.evaluations_s["quantization"]) > 0
    assert list(cost.evaluations_s) == ["quantization"]
    assert outcome["data_sha256"] == result["sha256"]["data"]
    assert outcome["machine"].items() <= result["provenance"].items()
    plain = tasks.pilot(configs[1])["cost"]
    assert plain["evaluations_s"] == {} and plain["validation_images"] == 0


def test_the_estimate_is_that_of_a_real_run(configs, quiet):
    config = dataclasses.replace(configs[3], epochs=40, noise_samples=40)
    estimated = Cost(**tasks.pilot(config)["cost"]).seconds(config)
    result = train_and_evaluate(config)
    assert 0.25 < estimated / (result["train_seconds"] + result["sweep_seconds"]) < 4


def test_the_estimate_of_an_evaluation_counts_strengths_and_draws_that_the_pilot_leaves_out(
    configs, quiet, monkeypatch
):
    measured = []
    slow = slowed(watched(random_corners.Evaluation.measure, measured), 0.02)
    monkeypatch.setattr(random_corners.Evaluation, "measure", slow)
    options = {"random_corners": {"zetas": (0, 0.1, 0.2, 0.3), "corners": 20}}
    config = dataclasses.replace(configs[1], evaluations=("random_corners",), options=options)
    cost = tasks.pilot(config)["cost"]
    assert set(measured) == {(0.0, 0), (0.3, 0)}
    result = train_and_evaluate(config)
    seconds = {part["evaluation"]: part["seconds"] for part in result["measurements"]}["random_corners"]
    assert 0.2 < cost["evaluations_s"]["random_corners"] / seconds < 5


def watched(measure, points: list):
    """An evaluation's `measure` that also adds its points to a list."""
    return lambda evaluation, wanted: points.extend(wanted) or measure(evaluation, wanted)


def slowed(measure, seconds: float):
    """An evaluation's `measure` that takes as long for each point on every machine."""

    def slow(evaluation, wanted):
        for row in measure(evaluation, wanted):
            time.sleep(seconds)
            yield row

    return slow


def test_a_pilot_keeps_nothing_and_measures_the_state_of_an_unfinished_run(configs, tmp_path, quiet, monkeypatch):
    kept = []
    monkeypatch.setattr(Partial, "keep", lambda partial, *_, **__: kept.append(partial.cfg))
    folders = {"checkpoint_dir": str(tmp_path / "weights"), "epoch_checkpoint_dir": str(tmp_path / "results")}
    tasks.pilot(dataclasses.replace(configs[0], **folders))
    assert {path.name for path in tmp_path.iterdir()} <= {"cache"}
    first, *others = kept
    assert first.epoch_checkpoint_dir not in (None, folders["epoch_checkpoint_dir"]) and first.epoch_checkpoint_s == 0
    assert {cfg.epoch_checkpoint_dir for cfg in others} == {None}


SCHEDULES = [
    dict(lr_schedule="cosine_restarts", lr_restart_epochs=2),
    dict(lr_schedule="steps", lr_milestones=(2, 3), lr_factor=0.5),
    dict(
        regime="adaptive", alpha_train=0.1, validation_share=0.25, options={"adaptive": {"window": 2, "min_epochs": 2}}
    ),
    dict(regime="adaptive", alpha_train=0.1, options={"adaptive": {"mode": "static", "schedule": "linear"}}),
    dict(validation_share=0.1, smoothed_accuracy=True, alpha_tests=(0,)),
    dict(batch_size=500, max_train_samples=10, p=0.5, corrupt_test=True)
    | dict(corruption="additive", options={"additive": {"sigma": 0.3}}),
    dict(
        evaluations=("landscape", "quantization"),
        options={"quantization": {"bits": [4]}, "landscape": {"points": 6, "directions": 1}},
    ),
]


@pytest.mark.parametrize("fields", SCHEDULES, ids=str)
def test_settings_that_need_several_epochs_do_not_make_a_pilot_invalid(configs, quiet, fields):
    assert Cost(**tasks.pilot(dataclasses.replace(configs[0], **fields))["cost"]).seconds(configs[0]) > 0


@pytest.mark.parametrize("study", [None, *registry.names("studies")])
def test_the_pilot_of_every_kind_of_every_study_is_valid(npz, sequences, study):
    block = dict(arch=["mlp_small", "cnn"], regime=["clean", "noisy"], alpha_train=0.2)
    runs = blocks.expand(block, studies.load(study) if study else None).configs
    for config in {kind_of(config): config for config in runs}.values():
        takes = registry.constant("architectures", config.arch, "INPUT", "images")
        dataset = sequences if takes == "sequences" else npz
        options = {owner: its_options for owner, its_options in config.options.items() if owner != config.dataset}
        cfg = dataclasses.replace(config, dataset=dataset, options=options)
        images = Batches(cfg, prepared.load(dataset, cfg.image_size, cfg.data_dir), get_device())
        small = pilot._small(cfg, images, 1, 1)
        plain = pilot._small(pilot._plain(cfg), images, 2, 2)
        assert small.epochs == plain.epochs == 1 and small.evaluations == cfg.evaluations
        assert try_set_up(small)["data_sha256"] == images.images.sha256
