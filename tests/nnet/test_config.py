import dataclasses
import json
import pickle
import shutil

import numpy as np
import pytest

from nnet.config import TrainConfig
from tests.conftest import ROOT, blobs, save_npz

OTHER = {
    "dataset": "mnist",
    "image_size": 32,
    "arch": "cnn",
    "activation": "tanh",
    "regime": "clean",
    "alpha_train": 0.1,
    "noise_model": "magnitude",
    "p": 0.5,
    "corrupt_test": True,
    "seed": 1,
    "epochs": 11,
    "batch_size": 64,
    "optimizer": "sgd",
    "learning_rate": 0.01,
    "weight_decay": 1e-4,
    "dropout": 0.3,
    "augmentation": "crop_flip",
    "max_train_samples": 100,
    "validation_share": 0.1,
    "smoothed_accuracy": True,
    "alpha_tests": (0, 0.1),
    "noise_samples": 6,
    "evaluations": ("landscape",),
    "precision": "bf16",
    "sweep_precision": "bf16",
}
OPERATION = {
    "cpu_threads": 2,
    "use_cuda": True,
    "data_dir": "/elsewhere",
    "checkpoint_dir": "/checkpoints",
    "epoch_checkpoint_dir": "/results",
    "epoch_checkpoint_s": 0,
}
YOUNGER = {
    "corrupt_test": True,
    "dropout": 0.3,
    "augmentation": "crop_flip",
    "validation_share": 0.1,
    "evaluations": ["landscape"],
    "smoothed_accuracy": True,
}
SGD = {"optimizer": "sgd", "momentum": 0.9}
RESTARTS = {"lr_schedule": "cosine_restarts", "lr_restart_epochs": 5}
STEPS = {"lr_schedule": "steps", "lr_milestones": [6, 8]}
TOGETHER = [SGD, SGD | {"nesterov": True}, RESTARTS, STEPS, STEPS | {"lr_factor": 0.5}]
"""Younger fields that only some values of others allow."""
NOISY = TrainConfig(regime="noisy", alpha_train=0.05)


def test_run_id_is_readable():
    assert NOISY.run_id.startswith("mlp_small-noisy-a0.05-seed0-") and len(NOISY.run_id.rsplit("-")[-1]) == 8


@pytest.mark.parametrize("name", OTHER)
def test_science_changes_the_run_id(name):
    assert dataclasses.replace(NOISY, **{name: OTHER[name]}).run_id != NOISY.run_id


@pytest.mark.parametrize("name", OPERATION)
def test_operation_does_not_change_the_run_id(name):
    assert dataclasses.replace(NOISY, **{name: OPERATION[name]}).run_id == NOISY.run_id


def test_every_field_is_science_or_operation_and_tested_here():
    single_valued = {"corruption", "options"}
    names = {field.name for field in dataclasses.fields(TrainConfig)}
    together = {name for fields in TOGETHER for name in fields} - {"optimizer"}
    assert names == OTHER.keys() | OPERATION.keys() | together | single_valued
    assert NOISY.science().keys() == names - OPERATION.keys() - YOUNGER.keys() - together


def test_fields_younger_than_the_first_results_are_in_the_run_id_only_where_they_are_not_at_their_default():
    for name, value in YOUNGER.items():
        changed = dataclasses.replace(NOISY, **{name: value})
        assert changed.science() == NOISY.science() | {name: value}
    for fields in TOGETHER:
        assert dataclasses.replace(NOISY, **fields).science() == NOISY.science() | fields
    for path in (ROOT / "results/mnist/runs").glob("*.json"):
        assert TrainConfig(**json.loads(path.read_text())["config"]).run_id == path.stem


def test_additive_corruption_needs_its_sigma():
    additive = TrainConfig(p=1, corruption="additive", options={"sigma": 1})
    assert additive.options == {"sigma": 1.0} and additive.run_id != TrainConfig(p=1).run_id
    with pytest.raises(ValueError, match="corruption 'additive' needs the option 'sigma'"):
        TrainConfig(corruption="additive")
    with pytest.raises(ValueError, match="sigma must be finite and not negative; got -0.1"):
        TrainConfig(corruption="additive", options={"sigma": -0.1})
    with pytest.raises(ValueError, match="unknown option 'sigma' for clean and mlp_small; known options: "):
        TrainConfig(options={"sigma": 0.1})


def test_a_configuration_is_frozen_picklable_jsonable_hashable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        NOISY.epochs = 3
    assert pickle.loads(pickle.dumps(NOISY)) == NOISY
    assert TrainConfig(**json.loads(json.dumps(dataclasses.asdict(NOISY)))) == NOISY
    assert len({NOISY, dataclasses.replace(NOISY)}) == 1


def test_equal_numbers_make_equal_runs():
    alphas = [0.5, 0, 0.01, 0.02, 0.05, 0.1, 0.2]
    same = TrainConfig(regime="noisy", alpha_train=np.float64(0.05), seed=np.int64(0), p=0, alpha_tests=alphas)
    assert same == NOISY and same.run_id == NOISY.run_id


def test_clean_runs_have_no_alpha_train():
    assert TrainConfig(regime="clean", alpha_train=0.3) == TrainConfig(regime="clean")


def test_an_npz_is_known_by_name_and_content(tmp_path):
    first = TrainConfig(dataset=save_npz(tmp_path / "a.npz"))
    assert first.dataset_name == "a"
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a.npz", tmp_path / "b" / "a.npz")
    assert TrainConfig(dataset=tmp_path / "b" / "a.npz").run_id == first.run_id
    save_npz(tmp_path / "a.npz", x_train=blobs(96, seed=5)[0])
    assert TrainConfig(dataset=tmp_path / "a.npz").run_id != first.run_id


def test_the_data_folder_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("NNET_DATA_DIR", "/somewhere")
    assert TrainConfig().data_dir == "/somewhere"
    monkeypatch.delenv("NNET_DATA_DIR")
    assert TrainConfig().data_dir == "data"


WRONG = [
    ("augmentation", "mixup", "unknown augmentation 'mixup'.*none.*crop_flip"),
    ("validation_share", 0.6, "validation_share is at most 0.5"),
    ("validation_share", -0.1, "validation_share must"),
    ("momentum", 0.9, "momentum is sgd's; adam has none"),
    ("nesterov", True, "nesterov needs a momentum"),
    ("nesterov", 1, "nesterov must be True or False"),
    ("lr_schedule", "step", "unknown lr_schedule 'step'.*constant.*cosine_restarts"),
    ("lr_schedule", "cosine_restarts", "'cosine_restarts' needs lr_restart_epochs"),
    ("lr_restart_epochs", 5, "lr_restart_epochs has no effect with lr_schedule 'constant'"),
    ("dataset", "imagenet", r"unknown dataset 'imagenet'.*cifar10.*digits.*fashion_mnist.*mnist.*\.npz"),
    ("dataset", "no/such.npz", "there is no file"),
    ("arch", "vgg", "unknown architecture 'vgg'.*cnn"),
    ("regime", "warm", "unknown regime 'warm'.*clean.*noisy"),
    ("activation", "swish", "unknown activation 'swish'.*relu"),
    ("noise_model", "absolute", "unknown noise_model 'absolute'.*tensor_std.*magnitude"),
    ("corruption", "blur", "unknown corruption 'blur'.*replacement.*additive"),
    ("corrupt_test", "yes", "corrupt_test must be True or False"),
    ("optimizer", "lion", "unknown optimizer 'lion'.*adam"),
    ("precision", "int8", "unknown precision 'int8'.*fp32"),
    ("options", {"gamma": 1}, "unknown option 'gamma' for noisy and mlp_small"),
    ("alpha_train", -0.1, "alpha_train"),
    ("alpha_train", float("nan"), "alpha_train"),
    ("alpha_train", float("inf"), "alpha_train"),
    ("alpha_train", "much", "alpha_train"),
    ("p", 1.1, "p is a probability"),
    ("p", -0.1, "p must"),
    ("p", float("nan"), "p must"),
    ("learning_rate", 0, "learning_rate"),
    ("learning_rate", float("inf"), "learning_rate"),
    ("weight_decay", -1, "weight_decay"),
    ("seed", 0.5, "seed must be a whole number"),
    ("epochs", 0, "epochs must be at least 1"),
    ("epochs", 1.5, "epochs must be a whole number"),
    ("batch_size", 0, "batch_size"),
    ("noise_samples", 0, "noise_samples"),
    ("cpu_threads", 0, "cpu_threads"),
    ("image_size", 0, "image_size"),
    ("max_train_samples", 0, "max_train_samples"),
    ("epochs", None, "epochs must be a whole number"),
    ("alpha_tests", (), "alpha_tests .* not empty"),
    ("alpha_tests", (0.1, 0.2), "alpha_tests must contain 0"),
    ("alpha_tests", (0, 0.1, 0.1), "alpha_tests has duplicates"),
    ("alpha_tests", (0, float("nan")), "alpha_tests must be finite"),
    ("alpha_tests", (0, -0.1), "alpha_tests must be finite and not negative"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_value_is_refused_in_one_sentence(name, value, message):
    with pytest.raises(ValueError, match=message) as caught:
        dataclasses.replace(NOISY, **{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (SGD | {"momentum": 1}, "momentum is 0 to 1, exclusive"),
        (RESTARTS | {"lr_restart_epochs": 10}, "lr_restart_epochs must be below epochs; got 10 of 10"),
        (RESTARTS | {"lr_restart_epochs": 0}, "lr_restart_epochs must be at least 1"),
        (STEPS | {"lr_milestones": []}, "'steps' needs lr_milestones"),
        (STEPS | {"lr_milestones": 6}, "lr_milestones must be a list of epochs; got 6"),
        (STEPS | {"lr_milestones": [8, 6]}, "lr_milestones must ascend"),
        (STEPS | {"lr_milestones": [1]}, "lr_milestones must be at least 2"),
        (STEPS | {"lr_factor": 0}, "lr_factor must be above 0"),
        ({"lr_milestones": [6]}, "lr_milestones has no effect with lr_schedule 'constant'"),
        (RESTARTS | {"lr_factor": 0.5}, "lr_factor has no effect with lr_schedule 'cosine_restarts'"),
        (STEPS | {"lr_restart_epochs": 5}, "lr_restart_epochs has no effect with lr_schedule 'steps'"),
        (RESTARTS | {"learning_rate": 1e-6}, "cosine_restarts falls to 1e-05: learning_rate must not be below"),
    ],
)
def test_wrong_values_of_fields_that_belong_together_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**fields)


def test_resnet18_has_relu_only():
    with pytest.raises(ValueError, match="resnet18 cannot have activation 'gelu'"):
        TrainConfig(arch="resnet18", activation="gelu")


def test_an_npz_whose_name_is_no_folder_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="becomes a folder's"):
        TrainConfig(dataset=save_npz(tmp_path / "my data.npz"))
