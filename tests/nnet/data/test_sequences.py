"""Sequences as the second kind of input: from a file or plug-in to the network, and what is refused."""

import dataclasses

import numpy as np
import pytest
import torch

import campaign
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.record import kept
from nnet_models import build_model, train_and_evaluate
from tests.conftest import save_sequences

SEQUENTIAL = [
    name
    for name in registry.names("architectures")
    if registry.constant("architectures", name, "INPUT", "images") == "sequences"
]


def config(sequences: str, **changed) -> TrainConfig:
    fields = dict(dataset=sequences, arch="gru", epochs=2, batch_size=16, alpha_tests=(0, 0.5), noise_samples=2)
    return TrainConfig(**fields | changed)


def test_sequences_of_a_file_reach_the_network_as_they_are(sequences):
    cfg = config(sequences)
    assert cfg.image_size is None and cfg.run_id == dataclasses.replace(cfg, image_size=None).run_id
    with np.load(sequences) as file:
        x_train, x_test = file["x_train"], file["x_test"]
    images = prepared.load(sequences, None, ".")
    assert images.shape == (12, 2) and torch.equal(images.x_test, torch.from_numpy(x_test))
    np.testing.assert_allclose(images.mean, x_train.mean((0, 1)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(images.std, x_train.std((0, 1)), rtol=1e-5)
    batches = Batches(cfg, images, torch.device("cpu"))
    assert batches.image_shape == (12, 2)
    assert torch.equal(torch.cat([part for part, _ in batches.test()]), images.x_test)
    trained = torch.cat([part for part, _ in batches.train(1)])
    assert sorted(trained[:, 0, 0].tolist()) == sorted(x_train[:, 0, 0].tolist())


@pytest.mark.parametrize("arch", SEQUENTIAL)
def test_every_network_for_sequences_learns_and_is_measured(sequences, arch, tmp_path):
    cfg = config(sequences, arch=arch, epochs=8, learning_rate=0.01, checkpoint_dir=str(tmp_path))
    result = train_and_evaluate(cfg)
    assert result["status"] == "ok" and result["acc_0"] > 0.8
    (path,) = tmp_path.rglob("*.pt")
    trained = kept.load_model(path)
    table = campaign.evaluate_model(trained, sequences, evaluations=["quantization"], alpha_tests=(0, 0.5))
    assert table["acc"].iloc[0] == result["acc_0"]
    assert set(table["evaluation"]) == {"weight_noise", "quantization"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(p=0.1), "p has no meaning for .*: it has sequences, which have no pixels"),
        (dict(image_size=32), "image_size has no meaning"),
        (dict(augmentation="crop_flip"), "augmentation has no meaning"),
        (dict(corrupt_test=True), "corrupt_test has no meaning"),
        (dict(arch="cnn"), "cnn takes images, but .* has sequences"),
        (dict(dataset="digits"), "gru takes sequences, but digits has images"),
    ],
)
def test_what_has_no_meaning_for_sequences_is_refused(sequences, changed, message):
    with pytest.raises(ConfigError, match=message):
        config(sequences, **changed)


@pytest.mark.parametrize(("arch", "shape"), [("gru", (3, 8, 8)), ("srnn", (3, 8, 8)), ("mlp_small", (12, 2))])
def test_a_network_refuses_the_shape_of_the_other_kind(arch, shape):
    with pytest.raises(ConfigError, match=f"{arch} takes .*, whose shape is not"):
        build_model(arch, image_shape=shape)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (dict(x_test=np.zeros((30, 12, 2))), "x_test of .* must be sequences float32 N×T×C, not empty; it is float64"),
        (dict(x_test=np.zeros((30, 13, 2), np.float32)), "have sequences of different shapes"),
        (dict(x_test=np.full((30, 12, 2), np.nan, np.float32)), "x_test of .* has values that are not finite"),
        (dict(x_train=np.zeros((60, 12, 2))), "gru takes sequences, but .* has images"),
    ],
)
def test_wrong_sequences_are_one_sentence(tmp_path, changed, message):
    path = save_sequences(tmp_path / "wrong.npz", **changed)
    with pytest.raises(ConfigError, match=message):
        train_and_evaluate(config(path))
    if "x_test" in changed:
        with pytest.raises(ConfigError):
            prepared.load(path, 28, ".")


def test_a_dataset_with_options_has_one_identity_and_one_cache_per_option(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets/my_waves.py").write_text('''
from dataclasses import dataclass
import numpy as np
from nnet.checks import check_fields, number, setting
INPUT = "sequences"

@dataclass(frozen=True)
class Options:
    height: float = setting(1.0, number)
    """Height of the waves. Default 1."""
    def __post_init__(self):
        check_fields(self)

def read(data_dir, options):
    x, y = np.full((12, 3, 1), options.height, np.float32), np.arange(12) % 2
    return x, y, x, y
''')
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    low, same, high = (
        config("my_waves", options=options)
        for options in ({}, {"my_waves": {"height": 1}}, {"my_waves": {"height": 2}})
    )
    assert low.run_id == same.run_id != high.run_id
    heights = [
        prepared.load("my_waves", None, ".", None, cfg.options_of("my_waves")).x_test[0, 0, 0] for cfg in (low, high)
    ]
    assert heights == [1, 2]
    assert low.training()["options"]["my_waves"] == {"height": 1}
    with pytest.raises(ConfigError, match="unknown option 'width' of my_waves"):
        config("my_waves", options={"my_waves": {"width": 1}})
    with pytest.raises(ConfigError, match="options of 'my_waves' have no effect"):
        config("digits", arch="mlp_small", options={"my_waves": {"height": 1}})
    with pytest.raises(ConfigError, match="height must be finite and not negative"):
        train_and_evaluate(config("my_waves", options={"my_waves": {"height": -1}}))
