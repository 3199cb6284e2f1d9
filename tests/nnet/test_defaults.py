"""The defaults are frozen: values at their defaults are not part of an identity, so another default is another run."""

import dataclasses

import pytest

from nnet import options as by_owner
from nnet.checks import canonical
from nnet.config import SCIENCE, TrainConfig

TODO = (
    "a changed default gives other runs the identities of older ones: raise SCIENCE in nnet/config.py, so that results "
    "of both never meet under one run_id, and then change this table; a new field or option only joins the table"
)
FROZEN_SCIENCE = 2
FIELDS = {
    "dataset": "digits", "image_size": 28, "arch": "mlp_small", "activation": "relu", "regime": "clean",
    "alpha_train": 0, "noise_model": "tensor_std", "p": 0, "corruption": "replacement", "corrupt_test": False,
    "seed": 0, "initial_weights": None, "epochs": 10, "batch_size": 128, "optimizer": "adam", "learning_rate": 0.001,
    "momentum": 0, "nesterov": False, "lr_schedule": "constant", "lr_restart_epochs": None, "lr_milestones": [],
    "lr_factor": 0.2, "weight_decay": 0, "weight_clip": None, "dropout": 0, "augmentation": "none",
    "max_train_samples": None, "validation_share": 0, "smoothed_accuracy": False, "max_test_samples": None,
    "alpha_tests": [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5], "noise_samples": 5, "evaluations": [], "precision": "fp32",
    "sweep_precision": "fp32", "cpu_threads": 1, "use_cuda": False, "checkpoint_dir": None,
    "epoch_checkpoint_dir": None, "epoch_checkpoint_s": 60,
}  # fmt: skip
MASKS = {
    "nfilters": 16, "first_filter_size": 0, "filter_size": 0, "nmasks": 1, "level": 0.5, "noise_type": "uniform",
    "unique_masks": True, "train_masks": False, "mix_maps": False, "scale_noise": 1, "use_act": False, "pooling": "max",
}  # fmt: skip
OPTIONS = {
    "adaptive": {
        "mode": "adaptive", "distribution": "gaussian", "tensors": "", "static_noise": "weight", "schedule": "constant",
        "min_share": 0.2, "min_epochs": 10, "window": 5, "activate_after": 1, "rest_after": 3, "cooldown_min": 5,
        "cooldown_max": 15, "gradient_plateau": 0.05, "low_update": 0.001, "val_plateau": 0.0001, "overfit_epochs": 3,
        "permanent": False, "legacy_flags": False, "legacy_absolute": False, "legacy_permanent": False,
    },
    "awp": {
        "gamma": 0.1, "attack_size": 0.2, "attack_steps": 10, "start_noise": 0.001, "project": True,
        "attack_all": False, "warmup": 0, "input_size": 0, "input_steps": 3,
    },
    "beta": {
        "beta_robustness": 0.25, "attack_size": 0.1, "attack_steps": 10, "start_noise": 0.001, "boundary_loss": "kl",
        "p_norm": "inf", "project": True, "treat_as_constant": False, "attack_all": False, "warmup": 0,
    },
    "noisy": {"device": "none"},
    "sam": {"rho": 0.05, "adaptive": False},
    "resnet32": {"blocks": 5},
    "cifar_resnet18": {"stem_pool": True},
    "cifarnet": MASKS,
    "lenet": MASKS,
    "perturb_resnet18": MASKS,
    "noiseresnet18": {"nfilters": 16, "first_filter_size": 7, "level": 0.1},
    "pnn_resnet18": {"nfilters": 16},
    "torchvision_model": {"name": "mobilenet_v3_small", "input_size": None},
}  # fmt: skip
RUN_IDS = {
    "mlp_small-clean-a0-seed0-a42ba524857ff60e": {},
    "mlp_small-beta-a0.1-seed3-84f1d61e5c398181": dict(
        regime="beta", alpha_train=0.1, seed=3, options={"beta": {"warmup": 2}}
    ),
}


def test_the_defaults_of_all_settings_are_frozen():
    stated = {item.name: item.default for item in dataclasses.fields(TrainConfig)}
    for made_anew in ("options", "data_dir"):
        assert stated.pop(made_anew) is dataclasses.MISSING
    assert canonical(stated) == FIELDS and SCIENCE == FROZEN_SCIENCE, TODO


@pytest.mark.parametrize("owner", OPTIONS)
def test_the_defaults_of_options_of_training_are_frozen(owner):
    assert by_owner.defaults_of(by_owner.every_owner()[owner], owner) == OPTIONS[owner], TODO


@pytest.mark.parametrize("run_id", RUN_IDS)
def test_the_identities_of_runs_stay(run_id):
    assert TrainConfig(**RUN_IDS[run_id]).run_id == run_id, TODO
