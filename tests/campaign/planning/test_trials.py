"""Few pilots give the costs of many kinds of run."""

import dataclasses

import pytest

from campaign.engines.workers import tasks
from campaign.grid.lists import product
from campaign.grid.settings import Launch
from campaign.planning import survey, trials
from campaign.planning.cost import kind_of, measuring_kind, training_kind
from nnet.config import TrainConfig


@pytest.fixture
def runs(configs):
    """Three ways of training, measured in two ways each."""
    measured = [{"quantization": {"bits": [4]}}, {"quantization": {"bits": [8]}}]
    trained = [dict(regime="clean"), dict(regime="noisy", alpha_train=0.2), dict(regime="sam")]
    base = dataclasses.replace(configs[0], evaluations=("quantization",))
    return [run for way in trained for run in product(base, options=measured, **{k: [v] for k, v in way.items()})]


@pytest.fixture
def tried(monkeypatch):
    """The configurations that pilots try; the cost of training depends on the regime, that of measuring on the bits."""
    seen = []

    def pilot(config):
        seen.append(config)
        bits = config.options_of("quantization").get("bits", [0])[0]
        return {"data_sha256": "", "machine": {}, "not_noised": [], "busy": False, "cost": cost_of(config.regime, bits)}

    monkeypatch.setattr(tasks, "pilot", pilot)
    return seen


TRAINING_MB = {"clean": 500.0, "noisy": 500.0, "sam": 300.0}
MEASURING_MB = {0: 0.0, 4: 200.0, 8: 700.0}


def cost_of(regime: str, bits: int) -> dict:
    return dict(
        setting_up_s=0.0, step_s=float(len(regime)), epoch_s=0.0, pass_s=bits / 10, image_s=0.0,
        evaluations_s={"quantization": float(bits)} if bits else {}, train_images=16, validation_images=0,
        test_images=48, training_mb=TRAINING_MB[regime], memory_mb=max(TRAINING_MB[regime], MEASURING_MB[bits]),
        weights_mb=1.0,
    )  # fmt: skip


def surveyed(runs, tmp_path):
    return survey.prepare(runs, Launch(tmp_path / "results", "serial"))


def test_each_training_and_each_measurement_is_tried_once_and_every_pair_has_its_cost(runs, tried, tmp_path):
    campaign = surveyed(runs, tmp_path)
    measured = [(config.regime, config.options_of("quantization").get("bits")) for config in tried]
    assert measured == [("clean", [4]), ("clean", [8]), ("noisy", None), ("sam", None)]
    assert all(not config.evaluations and config.alpha_tests == (0.0,) for config in tried[2:])
    for run in runs:
        (bits,) = run.options_of("quantization")["bits"]
        cost = campaign.costs.kinds[kind_of(run)]
        assert (cost.step_s, cost.evaluations_s, cost.pass_s) == (len(run.regime), {"quantization": bits}, bits / 10)
        assert cost.memory_mb == max(TRAINING_MB[run.regime], MEASURING_MB[bits])


def test_what_is_known_of_other_pairs_is_not_measured_again(runs, tried, tmp_path):
    surveyed(runs[:1], tmp_path)
    surveyed(runs, tmp_path)
    assert len(tried) == 1 + 3


def failing(pilot, tried: list, fails):
    """The pilot, but it raises an exception where `fails(config)`."""

    def work(config):
        if fails(config):
            tried.append(config)
            raise ValueError("not this one")
        return pilot(config)

    return work


def test_where_a_training_fails_other_runs_say_what_its_measurements_cost(runs, tried, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "pilot", failing(tasks.pilot, tried, lambda config: config.regime == "clean"))
    campaign = surveyed(runs, tmp_path)
    assert [campaign.costs.seconds(run) > 0 for run in runs] == [False, False, True, True, True, True]
    assert sum("not this one" in note for note in campaign.notes) == 1


def test_measurements_that_always_fail_are_tried_in_one_further_round(runs, tried, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "pilot", failing(tasks.pilot, tried, lambda config: config.evaluations))
    rounds = []
    next_of = trials.Trials.next
    monkeypatch.setattr(trials.Trials, "next", lambda self: rounds.append(next_of(self)) or rounds[-1])
    campaign = surveyed(runs, tmp_path)
    assert [len(chosen) for chosen in rounds] == [4, 4, 0] and len(tried) == 8
    assert not any(campaign.costs.seconds(run) for run in runs)


def test_what_a_busy_machine_measures_does_not_replace_what_is_known(runs, tried, tmp_path, monkeypatch):
    surveyed(runs[:1], tmp_path)
    pilot = tasks.pilot

    def busy(config):
        outcome = pilot(config)
        return outcome | {"busy": True, "cost": outcome["cost"] | {"step_s": 99.0}}

    monkeypatch.setattr(tasks, "pilot", busy)
    campaign = surveyed(runs[:2], tmp_path)
    assert [campaign.costs.kinds[kind_of(run)].step_s for run in runs[:2]] == [5.0, 5.0]
    assert campaign.costs.rough == {kind_of(runs[1])}
    assert any("times are rough estimates" in note for note in campaign.notes)


def test_kinds_of_training_and_of_measurement_are_told_apart():
    cfg = TrainConfig(evaluations=("quantization",))
    for measured in (dict(noise_model="range"), dict(evaluations=()), dict(max_test_samples=9), dict(alpha_tests=(0,))):
        other = dataclasses.replace(cfg, **measured)
        assert training_kind(other) == training_kind(cfg) and measuring_kind(other) != measuring_kind(cfg)
    for trained in (dict(regime="sam"), dict(batch_size=9), dict(weight_clip=2.0), dict(p=0.5), dict(optimizer="sgd")):
        other = dataclasses.replace(cfg, **trained)
        assert training_kind(other) != training_kind(cfg) and measuring_kind(other) == measuring_kind(cfg)
    for both in (dict(arch="cnn"), dict(activation="tanh"), dict(cpu_threads=2), dict(image_size=14)):
        other = dataclasses.replace(cfg, **both)
        assert training_kind(other) != training_kind(cfg) and measuring_kind(other) != measuring_kind(cfg)
