"""One run, one identity; settings that change nothing are said."""

import json

import numpy as np
import pytest

from campaign.analysis import loading, tables
from campaign.grid import lists
from campaign.grid.settings import Launch
from campaign.planning import costs, effect, plan, survey
from campaign.planning.costs import Cost, Costs
from campaign.planning.survey import Campaign
from campaign.store.folder import Store
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet_models import train_and_evaluate
from tests.campaign.analysis.making import result
from tests.conftest import interrupted, small_run, timeless

LEVEL = registry.option_defaults("architectures", "perturb_resnet18")["level"]
SPELLINGS = [
    [
        dict(evaluations=("quantization",), options={"quantization": {"bits": bits}})
        for bits in ([8, 2, 4], (2, 4.0, 8))
    ],
    [
        dict(evaluations=names, options={"pcm": {"times": times}, "weight_noise": {}})
        for names, times in ((("pcm", "landscape"), [3600, 25]), (["landscape", "pcm"], np.array([25.0, 3600.0])))
    ],
    [dict(regime="sam", options={"sam": {"rho": rho}}) for rho in (1, 1.0, np.float32(1), np.int64(1), np.array(1.0))],
    [dict(regime="sam", options={"sam": options}) for options in ({}, {"rho": 0.05}, {"adaptive": False, "rho": 5e-2})],
    [dict(regime="awp", alpha_train=alpha) for alpha in (0, -0.0, 0.4)],
    [dict(arch="perturb_resnet18", options={"perturb_resnet18": options}) for options in ({}, {"level": LEVEL})],
]


@pytest.mark.parametrize("spellings", SPELLINGS)
def test_a_run_is_one_row_and_measured_once_however_it_is_spelled(spellings):
    configs = [TrainConfig(**spelled) for spelled in spellings]
    assert len({config.run_id for config in configs}) == 1
    assert len({json.dumps([config.training(), config.measuring()]) for config in configs}) == 1
    assert len(lists.join(configs)) == 1 and len(tables.build([result(**spelled) for spelled in spellings[:1]])) >= 3


@pytest.fixture
def colliding(monkeypatch):
    """All runs of one seed have one name, as if their hashes were alike."""
    monkeypatch.setattr(TrainConfig, "run_id", property(lambda config: f"the-same-seed{config.seed}"))


@pytest.mark.usefixtures("colliding")
def test_a_run_file_of_the_same_name_is_not_taken_for_the_run(tmp_path):
    one, other = TrainConfig(learning_rate=0.0014736), TrainConfig(learning_rate=0.00251025)
    store = Store(tmp_path / "digits")
    store.save(result(learning_rate=0.0014736))
    assert survey.survey([one], Launch(tmp_path)).in_full(one)["config"] == one.training()
    with pytest.raises(ConfigError, match=r"holds another run of this name \(learning_rate differ\)"):
        survey.survey([other], Launch(tmp_path))
    assert len(loading.load(tmp_path, configs=[one])) == 1
    with pytest.raises(ConfigError, match="1 of 1 runs are not in"):
        loading.load(tmp_path, configs=[other])


def test_neither_unfinished_work_nor_kept_weights_of_the_same_name_are_used(
    npz, tmp_path, colliding, monkeypatch, capsys
):
    folders = dict(epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0, checkpoint_dir=str(tmp_path / "kept"))
    expected = timeless(train_and_evaluate(small_run(npz, batch_size=12)))
    interrupted(small_run(npz, **folders), monkeypatch, epochs=1)
    assert timeless(train_and_evaluate(small_run(npz, batch_size=12, **folders)))["sha256"] == expected["sha256"]
    assert "config changed; the run starts from its beginning" in capsys.readouterr().err
    other = train_and_evaluate(small_run(npz, batch_size=24, **folders))
    assert other["sha256"]["weights"] != expected["sha256"]["weights"]
    assert "another configuration gave these weights" in capsys.readouterr().err


COST = dict(
    setting_up_s=0.1, step_s=0.1, epoch_s=0.1, pass_s=0.1, image_s=0.1, evaluations_s={}, train_images=1437,
    validation_images=0, test_images=360, memory_mb=100.0, weights_mb=1.0,
)  # fmt: skip
NO_EFFECT = [
    (dict(max_train_samples=99999), "max_train_samples 99999 is more than the 1437 training samples of digits"),
    (dict(max_test_samples=361), "max_test_samples 361 is more than the 360 test samples of digits"),
    (dict(batch_size=2000), "batch_size 2000 is more than the 1437 training samples"),
    (dict(batch_size=128, max_train_samples=100), "batch_size 128 is more than the 100 training samples"),
    (dict(corruption="additive", options={"additive": {"sigma": 1}}), "corruption 'additive' and its options have no"),
    (dict(corrupt_test=True), "corrupt_test has no effect where p is 0"),
    (dict(lr_schedule="steps", lr_milestones=(3, 11, 40)), "after the last epoch, 10, have no effect: 11, 40"),
    (dict(regime="noisy", noise_model="magnitude"), "noise_model 'magnitude' has no effect on training"),
    (
        dict(regime="noisy", alpha_train=1, noise_model="range", options={"noisy": {"device": "pcm"}}),
        "noise_model 'range' has no effect on training where noisy.device is pcm",
    ),
    (dict(regime="awp", options={"awp": {"input_steps": 9}}), "where awp.input_size is 0: input_steps"),
    (dict(regime="awp", options={"awp": {"gamma": 0, "attack_size": 1}}), "where awp.gamma is 0: attack_size"),
    (dict(regime="beta", options={"beta": {"beta_robustness": 0, "p_norm": "2"}}), "beta_robustness is 0: p_norm"),
    (dict(regime="sam", options={"sam": {"rho": 0, "adaptive": True}}), "where sam.rho is 0: adaptive"),
]  # fmt: skip
WITH_EFFECT = [
    dict(), dict(max_train_samples=1437, batch_size=1437), dict(max_test_samples=360), dict(p=0.1, corrupt_test=True),
    dict(p=0.1, corruption="additive", options={"additive": {"sigma": 1}}), dict(noise_model="magnitude"),
    dict(regime="noisy", alpha_train=0.1, noise_model="magnitude"), dict(regime="sam", options={"sam": {"rho": 0}}),
    dict(regime="awp", options={"awp": {"input_steps": 9, "input_size": 0.1}}),
    dict(lr_schedule="steps", lr_milestones=(3, 10)),
]  # fmt: skip


def campaign(*settings: dict, **changed) -> Campaign:
    """A campaign on digits, 1,437 + 360 images, whose costs are known."""
    configs = [TrainConfig(seed=seed, **one) for one in settings for seed in (0, 1)]
    kinds = {costs.kind_of(config): Cost(**COST) for config in configs}
    return Campaign(configs, {}, configs, "process", **{"workers": 1, "costs": Costs(kinds)} | changed)


@pytest.mark.parametrize(("settings", "note"), NO_EFFECT)
def test_a_setting_without_effect_is_said_once(settings, note):
    (said,) = effect.notes(campaign(settings, {}))
    assert note in said and "\n" not in said


def test_settings_with_an_effect_are_not_said():
    assert effect.notes(campaign(*WITH_EFFECT)) == []


def test_workers_and_threads_without_a_core_are_said(monkeypatch):
    monkeypatch.setattr("campaign.planning.effect.usable_cores", lambda: 2)
    (note,) = effect.without_a_core(campaign({}, workers=500))
    assert note == "500 workers share 2 core(s): max_workers 2 is as fast and takes less memory"
    (note,) = effect.without_a_core(campaign({"cpu_threads": 64}))
    assert note == "64 threads of a run share 2 core(s): cpu_threads 2 is as fast"
    for fitting in (campaign({}, workers=2), campaign({"cpu_threads": 2}), campaign({}, workers=500, elsewhere=True)):
        assert list(effect.without_a_core(fitting)) == []
    assert effect.fixed_workers("serial", 500) == ["max_workers 500 has no effect: engine 'serial' has 1 worker(s)"]
    assert effect.fixed_workers("serial", None) == effect.fixed_workers("process", 500) == []


def test_a_launch_and_its_plan_say_it(npz, tmp_path):
    config = small_run(npz, max_train_samples=5000, epochs=1)
    launch = Launch(tmp_path, "serial", max_workers=3, memory_check=False)
    said = "\n".join(survey.prepare([config], launch).notes)
    assert "max_train_samples 5000 is more than the 96 training samples of blobs" in said
    assert "max_workers 3 has no effect" in said
    planned = plan.make(survey.survey([config], launch), memory_check=False)
    assert "max_train_samples 5000 is more than the 96 training samples of blobs" in "\n".join(planned["notes"])
