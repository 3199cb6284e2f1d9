"""The identity of a run: what it is made of, one form of values, and a user's files by their content."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pickle
import shutil

import numpy as np
import pytest

from nnet import registry
from nnet.activations import ACTIVATIONS
from nnet.checks import ConfigError, canonical
from nnet.config import AUGMENTATIONS, NOISE_MODELS, PRECISIONS, TrainConfig
from nnet.identity import GROUPS, in_group
from nnet.optimizers import OPTIMIZERS
from tests.conftest import blobs, save_npz

TRAINING, MEASURING, RECORD, OPERATION = (in_group(TrainConfig, group) for group in GROUPS)
NOISY = TrainConfig(regime="noisy", alpha_train=0.05)
SGD = {"optimizer": "sgd", "momentum": 0.9}
RESTARTS = {"lr_schedule": "cosine_restarts", "lr_restart_epochs": 5}
STEPS = {"lr_schedule": "steps", "lr_milestones": [6, 8]}
BASES = [NOISY, *(dataclasses.replace(NOISY, **fields) for fields in (SGD, RESTARTS, STEPS))]
TWO_AT_ONCE = {
    "lr_schedule": RESTARTS,
    "corruption": {"corruption": "additive", "options": {"additive": {"sigma": 1.0}}},
    "options": {"arch": "pnn_resnet18", "options": {"pnn_resnet18": {"nfilters": 8}}},
}
"""Fields that only change together with another one."""
NAMES = {name for kind in registry.KINDS for name in registry.names(kind)} | {*ACTIVATIONS, *OPTIMIZERS}
VALUES = [True, 0.25, 3, *sorted(NAMES), *NOISE_MODELS, *AUGMENTATIONS, *PRECISIONS, [0, 0.1], ["landscape"], [5]]
"""One of these is another valid value of any field."""


@pytest.fixture
def weights(tmp_path) -> str:
    """A file of initial weights; its content does not matter here."""
    (tmp_path / "net.pt").write_bytes(b"some weights")
    return str(tmp_path / "net.pt")


def changes(name: str, weights: str) -> tuple[TrainConfig, dict]:
    """A configuration and another valid value of one of its fields."""
    if name in TWO_AT_ONCE:
        return NOISY, TWO_AT_ONCE[name]
    for base in BASES:
        for value in [*VALUES, weights]:
            with contextlib.suppress(ConfigError):
                if getattr(dataclasses.replace(base, **{name: value}), name) not in (getattr(base, name), True):
                    return base, {name: value}
                if getattr(base, name) is False and value is True:
                    return base, {name: value}
    raise AssertionError(f"no other value of {name} among {VALUES}")


def test_run_id_is_readable():
    assert NOISY.run_id.startswith("mlp_small-noisy-a0.05-seed0-") and len(NOISY.run_id.rsplit("-")[-1]) == 16


@pytest.mark.parametrize("name", TRAINING)
def test_what_is_trained_changes_the_run_id(name, weights):
    base, changed = changes(name, weights)
    other = dataclasses.replace(base, **changed)
    assert other.run_id != base.run_id and other.training() != base.training()
    for field in changed.keys() - {"options", "initial_weights", "dataset"}:
        assert other.training()[field] == canonical(getattr(other, field))


@pytest.mark.parametrize("name", [*MEASURING, *RECORD, *OPERATION])
def test_nothing_else_changes_the_run_id(name, weights):
    base, changed = changes(name, weights)
    other = dataclasses.replace(base, **changed)
    assert other != base and (other.run_id, other.training()) == (base.run_id, base.training())
    assert (other.measuring() != base.measuring()) == (name in MEASURING)


def test_options_of_evaluations_are_how_a_network_is_measured():
    few, many = (
        TrainConfig(evaluations=("worst_case",), options={"worst_case": {"restarts": restarts}}) for restarts in (1, 3)
    )
    assert few.run_id == many.run_id == TrainConfig().run_id and few.training() == TrainConfig().training()
    assert few.measuring()["options"]["worst_case"].items() >= {"restarts": 1, "objective": "ce"}.items()
    assert many.measuring()["options"]["worst_case"]["restarts"] == 3
    assert few.measuring() == TrainConfig(evaluations=("worst_case", "weight_noise")).measuring()


def test_the_noise_model_is_trained_with_only_where_there_is_noise():
    clean, noisy = TrainConfig(noise_model="magnitude"), dataclasses.replace(NOISY, noise_model="magnitude")
    assert clean.run_id == TrainConfig().run_id and "noise_model" not in clean.training()
    assert noisy.run_id != NOISY.run_id and noisy.training()["noise_model"] == "magnitude"
    for config in (clean, noisy):
        assert config.measuring()["noise_model"] == "magnitude"
        assert config.measuring()["options"]["weight_noise"] == {"noise_model": "magnitude"}
    other = dataclasses.replace(noisy, options={"weight_noise": {"noise_model": "tensor_std"}})
    assert other.run_id == noisy.run_id and other.measuring()["options"]["weight_noise"]["noise_model"] == "tensor_std"


def test_an_id_is_the_hash_of_what_is_not_at_its_default():
    config = dataclasses.replace(NOISY, options={"noisy": {}}, epochs=10)
    text = json.dumps({"SCIENCE": 2, "alpha_train": 0.05, "regime": "noisy"}, sort_keys=True)
    assert config.run_id.endswith(f"-{hashlib.sha256(text.encode()).hexdigest()[:16]}")
    beta = TrainConfig(regime="beta", options={"beta": {"warmup": 2.0, "attack_size": 0.1}})
    text = json.dumps({"SCIENCE": 2, "options": {"beta": {"warmup": 2}}, "regime": "beta"}, sort_keys=True)
    assert beta.run_id.endswith(f"-{hashlib.sha256(text.encode()).hexdigest()[:16]}")
    assert beta.training()["options"]["beta"].items() >= {"warmup": 2, "attack_size": 0.1, "p_norm": "inf"}.items()


SPELLINGS = [
    [dict(learning_rate=1), dict(learning_rate=1.0), dict(learning_rate=np.float64(1)), dict(learning_rate=np.int8(1))],
    [dict(p=0.1), dict(p=np.float32(0.1)), dict(p=np.float16(0.1)), dict(p=np.array(0.1))],
    [dict(weight_decay=-0.0), dict(weight_decay=0), dict(), dict(options={}), dict(seed=np.int64(0))],
    [STEPS, STEPS | dict(lr_milestones=(6, 8)), STEPS | dict(lr_milestones=np.array([6, 8]))],
    [
        dict(alpha_tests=spelled, evaluations=names)
        for spelled, names in (
            ((0, 0.1), ("landscape", "worst_case")), ([0.1, -0.0], ["worst_case", "landscape"]),
            (np.array([0, 0.1], "f4"), np.array(["worst_case", "landscape"])),
        )
    ],
    [
        dict(regime="adaptive", options={"adaptive": options})
        for options in ({"window": 4}, {"window": 4.0}, {"window": np.int16(4), "mode": "adaptive", "min_share": 0.2})
    ],
    [dict(regime="beta", options={"beta": {"p_norm": norm}}) for norm in (2, "2", 2.0, np.int64(2))],
    [dict(regime="beta", options={"beta": {"attack_size": size}}) for size in (0.3, np.float32(0.3))],
    [
        dict(evaluations=("quantization",), options={"quantization": {"bits": bits}})
        for bits in ([4, 8], (4, 8), np.array([4, 8]), [4.0, 8.0])
    ],
    [dict(corruption="additive", options={"additive": {"sigma": sigma}}) for sigma in (1, 1.0, np.float32(1))],
]  # fmt: skip


@pytest.mark.parametrize("spellings", SPELLINGS)
def test_a_run_has_one_id_however_it_is_spelled(spellings):
    first, *others = (TrainConfig(**spelled) for spelled in spellings)
    for other in others:
        assert (other.run_id, other.training()) == (first.run_id, first.training())
        assert json.dumps([other.training(), other.measuring()]) == json.dumps([first.training(), first.measuring()])


def test_different_values_have_different_ids():
    rates = [TrainConfig(learning_rate=rate).run_id for rate in (0.3, 0.1 * 3, 0.0014736, 0.00251025)]
    assert len(set(rates)) == 4


def test_an_npz_is_known_by_name_and_content(tmp_path):
    first = TrainConfig(dataset=save_npz(tmp_path / "a.npz"))
    assert first.dataset_name == "a"
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a.npz", tmp_path / "b" / "a.npz")
    assert TrainConfig(dataset=tmp_path / "b" / "a.npz").run_id == first.run_id
    save_npz(tmp_path / "a.npz", x_train=blobs(96, seed=5)[0])
    assert TrainConfig(dataset=tmp_path / "a.npz").run_id != first.run_id


def test_a_file_of_the_users_is_known_by_its_content_when_the_configuration_was_made(tmp_path, weights):
    dataset = save_npz(tmp_path / "a.npz")
    config = TrainConfig(dataset=dataset, initial_weights=weights)
    assert config.initial_weights_sha256 == hashlib.sha256(b"some weights").hexdigest()
    assert config.training().items() >= {
        "dataset": "a", "dataset_sha256": config.dataset_sha256,
        "initial_weights": "net.pt", "initial_weights_sha256": config.initial_weights_sha256,
    }.items()  # fmt: skip
    times = os.stat(weights)
    with open(weights, "wb") as file:
        file.write(b"else weights")  # of the same length
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    save_npz(tmp_path / "a.npz", x_train=blobs(96, seed=5)[0])
    sent = pickle.loads(pickle.dumps(config))
    for same in (config, sent):
        assert same.training() == config.training() and same.run_id == config.run_id
        assert same.initial_weights_sha256 == hashlib.sha256(b"some weights").hexdigest()
    after = dataclasses.replace(config)
    assert after.run_id != config.run_id and after.dataset_sha256 != config.dataset_sha256
    assert after.initial_weights_sha256 == hashlib.sha256(b"else weights").hexdigest()


def test_a_file_that_cannot_be_read_is_refused(tmp_path, weights, monkeypatch):
    def fail(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("nnet.identity.sha256_of_file", fail)
    with pytest.raises(ConfigError, match=r"cannot read .*net.pt: Permission denied"):
        TrainConfig(initial_weights=weights)


def test_a_thousand_configurations_of_one_file_read_it_once(tmp_path, weights, monkeypatch):
    monkeypatch.setattr("nnet.files.version.SETTLED_S", 0.0)
    reads = []
    monkeypatch.setattr("nnet.files.content._read", lambda path: reads.append(path) or "0" * 64)
    assert len({TrainConfig(initial_weights=weights, seed=seed).run_id for seed in range(1000)}) == 1000
    assert len(reads) == 1


EFFECT = {"dataset": "mnist", "image_size": 20, "arch": "cnn", "activation": "tanh", "dropout": 0.3}
NO_EFFECT = dict(
    regime="beta", alpha_train=0.3, seed=5, batch_size=7, optimizer="sgd", learning_rate=0.5, momentum=0.9, p=0.5,
    nesterov=True, lr_schedule="cosine_restarts", lr_restart_epochs=3, weight_decay=0.1, weight_clip=2.0,
    augmentation="crop_flip",
    max_train_samples=50, validation_share=0.2, precision="bf16", corruption="additive", smoothed_accuracy=True,
    options={"beta": {"attack_size": 0.5}, "additive": {"sigma": 0.4}},
)  # fmt: skip


def test_where_nothing_is_trained_only_what_has_an_effect_counts(weights):
    untrained = TrainConfig(initial_weights=weights, epochs=0)
    for name, value in NO_EFFECT.items():
        needed = NO_EFFECT if name in ("options", "corruption", "momentum", "nesterov", "lr_restart_epochs") else {}
        assert TrainConfig(**needed | {name: value, "initial_weights": weights, "epochs": 0}) == untrained, name
    ids = {dataclasses.replace(untrained, **{name: value}).run_id for name, value in EFFECT.items()}
    assert len(ids | {untrained.run_id}) == len(EFFECT) + 1
    trained = {name for name in TRAINING if name not in ("initial_weights", "epochs", "noise_model", "lr_milestones")}
    assert trained == EFFECT.keys() | NO_EFFECT.keys() - set(RECORD) | {"lr_factor"}
    corrupted = [TrainConfig(initial_weights=weights, epochs=0, p=p, corrupt_test=True) for p in (0, 0.3)]
    assert [config.p for config in corrupted] == [0, 0.3] and corrupted[0].run_id == untrained.run_id
    measured = TrainConfig(initial_weights=weights, epochs=0, noise_model="magnitude", options={"weight_noise": {}})
    assert measured.run_id == untrained.run_id and measured.measuring()["noise_model"] == "magnitude"
