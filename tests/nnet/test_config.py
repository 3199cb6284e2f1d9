"""TrainConfig: one form of values, and wrong values."""

import dataclasses
import json
import math
import pickle
import tracemalloc

import numpy as np
import pytest

from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.conftest import save_npz

NOISY = TrainConfig(regime="noisy", alpha_train=0.05)
SGD = {"optimizer": "sgd", "momentum": 0.9}
RESTARTS = {"lr_schedule": "cosine_restarts", "lr_restart_epochs": 5}
STEPS = {"lr_schedule": "steps", "lr_milestones": [6, 8]}


def test_a_configuration_is_frozen_picklable_jsonable_hashable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        NOISY.epochs = 3
    assert pickle.loads(pickle.dumps(NOISY)) == NOISY
    assert TrainConfig(**json.loads(json.dumps(dataclasses.asdict(NOISY)))) == NOISY
    assert len({NOISY, dataclasses.replace(NOISY)}) == 1


def test_a_hundred_thousand_configurations_fit_into_a_hundred_megabytes():
    tracemalloc.start()
    try:
        configs = [dataclasses.replace(NOISY, seed=seed) for seed in range(200)]
        assert tracemalloc.get_traced_memory()[0] / len(configs) < 1000
    finally:
        tracemalloc.stop()


def test_equal_numbers_make_equal_runs():
    alphas = [0.5, 0, 0.01, 0.02, 0.05, 0.1, 0.2]
    same = TrainConfig(regime="noisy", alpha_train=np.float64(0.05), seed=np.int64(0), p=0, alpha_tests=alphas)
    assert same == NOISY and same.run_id == NOISY.run_id


def test_clean_runs_have_no_alpha_train():
    assert TrainConfig(regime="clean", alpha_train=0.3) == TrainConfig(regime="clean")


def test_the_data_folder_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("NNET_DATA_DIR", "/somewhere")
    assert TrainConfig().data_dir == "/somewhere"
    monkeypatch.delenv("NNET_DATA_DIR")
    assert TrainConfig().data_dir == "data"


WRONG = {
    "unknown augmentation 'mixup'.*none.*crop_flip": dict(augmentation="mixup"),
    "validation_share must be between 0 and 0.5": dict(validation_share=0.6),
    "validation_share must be finite and not negative": dict(validation_share=-0.1),
    "momentum must be between 0 and 1, 1 excluded": SGD | dict(momentum=1),
    "momentum needs another optimizer: adam has none": dict(momentum=0.9),
    "nesterov needs a momentum": dict(nesterov=True),
    "nesterov must be True or False": dict(nesterov=1),
    "unknown lr_schedule 'step'.*constant.*cosine_restarts.*did you mean 'steps'": dict(lr_schedule="step"),
    "'cosine_restarts' needs lr_restart_epochs": dict(lr_schedule="cosine_restarts"),
    "lr_restart_epochs has no effect with lr_schedule 'constant'": dict(lr_restart_epochs=5),
    "lr_restart_epochs has no effect with lr_schedule 'steps'": STEPS | dict(lr_restart_epochs=5),
    "lr_restart_epochs must be below epochs; got 10 of 10": RESTARTS | dict(lr_restart_epochs=10),
    "lr_restart_epochs must be at least 1": RESTARTS | dict(lr_restart_epochs=0),
    "'cosine_restarts' needs a learning_rate of at least 1e-05": RESTARTS | dict(learning_rate=1e-6),
    "'steps' needs lr_milestones": STEPS | dict(lr_milestones=[]),
    "lr_milestones must be a list of epochs; got 6": STEPS | dict(lr_milestones=6),
    "lr_milestones must ascend": STEPS | dict(lr_milestones=[8, 6]),
    "lr_milestones must be at least 2": STEPS | dict(lr_milestones=[1]),
    "lr_milestones has no effect with lr_schedule 'constant'": dict(lr_milestones=[6]),
    "lr_factor must be above 0": STEPS | dict(lr_factor=0),
    "lr_factor has no effect with lr_schedule 'cosine_restarts'": RESTARTS | dict(lr_factor=0.5),
    r"unknown dataset 'imagenet'.*cifar10.*digits.*fashion_mnist.*mnist.*\.npz": dict(dataset="imagenet"),
    "did you mean 'fashion_mnist'": dict(dataset="fashion-mnist"),
    "there is no file no/such.npz": dict(dataset="no/such.npz"),
    "unknown architecture 'vgg'.*cnn": dict(arch="vgg"),
    "unknown architecture 'mlp_smal'.*did you mean 'mlp_small'": dict(arch="mlp_smal"),
    "unknown regime 'warm'.*clean.*noisy": dict(regime="warm"),
    "unknown activation 'swish'.*relu": dict(activation="swish"),
    "resnet18 cannot have activation 'gelu'": dict(arch="resnet18", activation="gelu"),
    "resnet18 has no dropout": dict(arch="resnet18", dropout=0.5),
    "dropout must be between 0 and 1, 1 excluded": dict(dropout=1),
    "unknown noise_model 'absolute'.*tensor_std.*magnitude": dict(noise_model="absolute"),
    "unknown corruption 'blur'.*replacement.*additive": dict(corruption="blur"),
    "corrupt_test must be True or False": dict(corrupt_test="yes"),
    "unknown optimizer 'lion'.*adam": dict(optimizer="lion"),
    "unknown precision 'int8'.*fp32": dict(precision="int8"),
    "alpha_train must be a number; got 'much'": dict(alpha_train="much"),
    "alpha_train must be finite and not negative; got inf": dict(alpha_train=math.inf),
    "alpha_train must be finite and not negative; got nan": dict(alpha_train=math.nan),
    "p must be between 0 and 1; got 1.1": dict(p=1.1),
    "p must be finite and not negative; got -0.1": dict(p=-0.1),
    "learning_rate must be above 0": dict(learning_rate=0),
    "weight_decay must be finite and not negative": dict(weight_decay=-1),
    "seed must be a whole number": dict(seed=0.5),
    "epochs must be at least 0; got -1": dict(epochs=-1),
    "epochs 0 trains nothing: give initial_weights": dict(epochs=0),
    "initial_weights must be a text": dict(initial_weights=3),
    "initial_weights: there is no file nowhere.pt": dict(initial_weights="nowhere.pt"),
    r"initial_weights must be a file whose name ends with .pt or .pth or .safetensors; got 'a.npz'": dict(
        initial_weights="a.npz"
    ),
    "epochs must be a whole number; got None": dict(epochs=None),
    "batch_size must be at least 1": dict(batch_size=0),
    "noise_samples must be at least 1": dict(noise_samples=0),
    "cpu_threads must be at least 1": dict(cpu_threads=0),
    "image_size must be at least 1": dict(image_size=0),
    "max_train_samples must be at least 1": dict(max_train_samples=0),
    "max_test_samples must be a whole number": dict(max_test_samples=True),
    "alpha_tests must be a list of strengths, not empty": dict(alpha_tests=()),
    "alpha_tests must contain 0": dict(alpha_tests=(0.1, 0.2)),
    "alpha_tests has duplicates": dict(alpha_tests=(0, 0.1, 0.1)),
    "alpha_tests must be finite and not negative": dict(alpha_tests=(0, -0.1)),
    "evaluations must be a list of names": dict(evaluations="landscape"),
    "unknown evaluation 'landscap'.*did you mean 'landscape'": dict(evaluations=["landscap"]),
    "checkpoint_dir must be a text": dict(checkpoint_dir=3),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_value_is_refused_in_one_sentence(message):
    with pytest.raises(ConfigError, match=message) as caught:
        dataclasses.replace(NOISY, **WRONG[message])
    assert "\n" not in str(caught.value)


def test_any_value_of_any_field_is_taken_or_refused_in_one_sentence():
    values = [None, -1, 0.5, 10**400, math.nan, "", "x", b"x", object(), [], ["x"], [[]], {}, {1: 1}, {1}, int]
    for item in dataclasses.fields(TrainConfig):
        for value in values:
            try:
                config = dataclasses.replace(NOISY, **{item.name: value})
            except ConfigError as error:
                assert str(error) and "\n" not in str(error)
            else:
                for part in (config.training(), config.measuring()):
                    assert json.loads(json.dumps(part)) == part


def test_an_npz_whose_name_cannot_name_a_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="becomes a folder's name"):
        TrainConfig(dataset=save_npz(tmp_path / "my data.npz"))
