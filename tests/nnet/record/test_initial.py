"""Initial weights from a file: what is read, what fits, what is measured and trained from there."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from nnet.checks import ConfigError, Refused
from nnet.config import TrainConfig
from nnet.files import checkpoint
from nnet.record import kept
from nnet.record.provenance import weights_sha256
from nnet_models import build_model, train_and_evaluate, try_set_up
from tests.conftest import blobs, flipped, small_run
from tests.nnet import plain_loop


def network(arch: str = "pixel_mlp", classes: int = 3, seed: int = 7, **options) -> nn.Module:
    torch.manual_seed(seed)
    return build_model(arch, image_shape=(1, 8, 8), num_classes=classes, **options)


def measuring(npz: str, path, arch: str = "pixel_mlp", **changed) -> TrainConfig:
    """A run that trains nothing."""
    fields = dict(arch=arch, epochs=0, batch_size=TrainConfig.batch_size, initial_weights=str(path), noise_samples=2)
    return small_run(npz, **fields | changed)


def hashed(result: dict) -> str:
    return result["sha256"]["weights"]


def save_state(state: dict, path) -> str:
    torch.save(state, path)
    return str(path)


def in_a_wrapper(state: dict) -> dict:
    return {f"module.{name}": tensor for name, tensor in state.items()}


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return network()


@pytest.mark.parametrize(
    "write",
    [
        lambda state, folder: save_state(state, folder / "weights.pt"),
        lambda state, folder: save_state(dict(state), folder / "weights.pth"),
        lambda state, folder: save_state({"state_dict": state, "epoch": 90}, folder / "weights.pt"),
        lambda state, folder: save_state({"epoch": 3, "model": in_a_wrapper(state)}, folder / "weights.pt"),
        lambda state, folder: checkpoint.save(folder / "w.pt", {"run": {}, "model": state}) or folder / "w.pt",
        lambda state, folder: save_file(state, folder / "w.safetensors") or folder / "w.safetensors",
    ],
    ids=["state dict", "pth", "among other things", "of DataParallel", "kept weights", "safetensors"],
)
def test_every_form_of_a_file_gives_the_same_network(npz, tmp_path, model, write):
    result = train_and_evaluate(measuring(npz, write(model.state_dict(), tmp_path)))
    assert result["sha256"]["initial_weights"] == hashed(result) == weights_sha256(model)
    assert result["history"] == [] and result["epochs"] == 0 and result["status"] == "ok"


def test_numbers_of_lower_precision_are_widened(npz, tmp_path, model):
    for name, dtype in (("half", torch.float16), ("short", torch.bfloat16)):
        state = {key: tensor.to(dtype) for key, tensor in model.state_dict().items()}
        result = train_and_evaluate(measuring(npz, save_state(state, tmp_path / f"{name}.pt")))
        widened = copy.deepcopy(model)
        widened.load_state_dict(state)
        assert hashed(result) == weights_sha256(widened) != weights_sha256(model)


@pytest.mark.parametrize("arch", ["pixel_mlp", "lenet", "pnn_resnet18"])
def test_it_is_measured_like_any_network(npz, tmp_path, arch):
    model = network(arch)
    cfg = measuring(npz, save_state(model.state_dict(), tmp_path / "w.pt"), arch, alpha_tests=(0, 0.2))
    images, labels = blobs(48, seed=1)
    weights = [f"{name}.weight" for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    images = torch.from_numpy(images) / 255
    expected = plain_loop.sweep(model, weights, images, torch.from_numpy(labels), (0, 0.2), 2)
    for row in train_and_evaluate(cfg)["sweep"]:
        accuracy, loss = expected[row["alpha_test"]]
        assert (row["acc"], row["loss"]) == (pytest.approx(accuracy), pytest.approx(loss, rel=1e-4))


def test_a_file_without_mean_and_std_of_pixels_gets_those_of_the_dataset(npz, tmp_path):
    model = network("lenet")
    for name, tensor in (("0.mean", torch.tensor(0.25)), ("0.std", torch.tensor(4.0))):
        model.state_dict()[name].copy_(tensor)
    state = model.state_dict()
    folder = tmp_path / "kept"
    loaded = []
    for number, known in enumerate([state, {name: state[name] for name in state if name[:2] != "0."}]):
        cfg = measuring(npz, save_state(known, tmp_path / f"{number}.pt"), "lenet", checkpoint_dir=str(folder))
        train_and_evaluate(cfg)
        loaded.append(kept.load_model(cfg.weights_file))
    pixels = np.load(npz)["x_train"] / 255
    assert (loaded[0][0].mean.item(), loaded[0][0].std.item()) == (0.25, 4.0)
    assert loaded[1][0].mean.item() == pytest.approx(pixels.mean(), rel=1e-6)
    assert loaded[1][0].std.item() == pytest.approx(pixels.std(), rel=1e-6)


def test_a_file_of_former_names_is_read_as_pytorch_reads_it(npz, tmp_path):
    model = network("pnn_resnet18")
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert len(state) < len(model.state_dict())
    result = train_and_evaluate(measuring(npz, save_state(state, tmp_path / "w.pt"), "pnn_resnet18"))
    standardised = ("0.mean", "0.std")
    assert set(standardised) <= state.keys() and hashed(result) == weights_sha256(model)


def test_a_fine_tuned_network_starts_from_the_file(npz, tmp_path, model):
    path = save_state(model.state_dict(), tmp_path / "w.pt")
    result = train_and_evaluate(small_run(npz, arch="pixel_mlp", initial_weights=path))
    assert result["sha256"]["initial_weights"] == weights_sha256(model) != hashed(result)
    assert len(result["history"]) == 2
    again = train_and_evaluate(small_run(npz, arch="pixel_mlp", initial_weights=path))
    assert hashed(again) == hashed(result)


def test_seeds_of_one_file_that_is_not_trained_are_one_network(npz, tmp_path, model):
    path = save_state(model.state_dict(), tmp_path / "w.pt")
    assert len({measuring(npz, path, seed=seed, learning_rate=rate).run_id for seed in (0, 1) for rate in (1, 2)}) == 1
    assert len({small_run(npz, arch="pixel_mlp", initial_weights=path, seed=seed).run_id for seed in (0, 1)}) == 2


def refused(npz: str, path, arch: str = "pixel_mlp", **changed) -> str:
    """The sentence, which setting the run up gives as running it does."""
    cfg = measuring(npz, path, arch, **changed)
    with pytest.raises(ConfigError) as raised:
        try_set_up(cfg)
    with pytest.raises(ConfigError) as again:
        train_and_evaluate(cfg)
    assert str(raised.value) == str(again.value) and "\n" not in str(raised.value)
    return str(raised.value)


def test_what_does_not_fit_is_named_up_to_five(npz, tmp_path, model):
    state = model.state_dict()
    (first, one), *_ = state.items()
    state[first] = one[:, :-1]
    state["2.weight"] = state["2.weight"].double()
    state |= {f"extra.{number}": torch.ones(2) for number in range(4)}
    del state["2.bias"], state["4.bias"]
    sentence = refused(npz, save_state(state, tmp_path / "w.pt"))
    assert sentence.endswith(
        "w.pt does not fit pixel_mlp: 0.weight has the shape (256, 63), the network's (256, 64); 2.weight has the type "
        "torch.float64, the network's torch.float32; 2.bias is missing; 4.bias is missing; extra.0 is unknown to the "
        "network; and 3 more"
    )


def test_whole_numbers_are_no_weights(npz, tmp_path, model):
    state = {name: tensor.round().long() for name, tensor in model.state_dict().items()}
    assert "0.weight has the type torch.int64" in refused(npz, save_state(state, tmp_path / "w.pt"))


def test_another_number_of_classes_is_refused_where_nothing_is_trained(npz, tmp_path, capsys):
    path = save_state(network(classes=10).state_dict(), tmp_path / "w.pt")
    assert refused(npz, path).endswith("the network's (3,); it was made for 10 classes")
    result = train_and_evaluate(small_run(npz, arch="pixel_mlp", initial_weights=path))
    assert result["status"] == "ok"
    assert "w.pt: it was made for 10 classes; 4.bias, 4.weight start from drawn weights" in capsys.readouterr().err
    path = save_state(network(classes=10).state_dict() | {"0.bias": torch.zeros(255)}, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=r"0.bias has the shape \(255,\)"):
        train_and_evaluate(small_run(npz, arch="pixel_mlp", initial_weights=path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(3)], "holds no state dict: no tensors by name"),
        ({}, "holds no state dict"),
        ({"model": {"optimizer": {"lr": 1}}}, "holds no state dict"),
        ({"state_dict": {}}, "holds no state dict"),
        (nn.Linear(2, 2), "cannot read .*not a state dict, as torch.save.*it holds Python objects"),
    ],
    ids=["list", "empty", "no tensors", "empty inside", "whole network"],
)
def test_files_of_something_else(npz, tmp_path, content, message):
    path = save_state(content, tmp_path / "w.pt")
    cfg = measuring(npz, path)
    with pytest.raises(ConfigError, match=message):
        try_set_up(cfg)


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_damaged_files(npz, tmp_path, model, name):
    path = tmp_path / name
    save_file(model.state_dict(), path) if name.endswith("safetensors") else torch.save(model.state_dict(), path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"words", flipped(whole, 8 * 9)):
        path.write_bytes(content)
        assert refused(npz, path).startswith(f"cannot read {path}: not a state dict")


def test_a_file_that_is_replaced_ends_its_runs(npz, tmp_path, model):
    path = tmp_path / "w.pt"
    cfg = measuring(npz, save_state(model.state_dict(), path))
    train_and_evaluate(cfg)
    save_state(network(seed=8).state_dict(), path)
    with pytest.raises(Refused, match="w.pt was replaced"):
        train_and_evaluate(cfg)
    assert dataclasses.replace(cfg).run_id != cfg.run_id


NAMED_OTHERWISE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.matrix = nn.Parameter(torch.randn(64, 20) / 8)
        self.last = nn.Linear(20, classes)

    def forward(self, images):
        return self.last(torch.relu(images.flatten(1) @ self.matrix))


def build(image_shape, num_classes, make_activation):
    return Net(num_classes)
"""


def test_a_network_is_refused_where_noise_would_spare_most_of_it(npz, tmp_path, monkeypatch):
    folder = tmp_path / "architectures"
    folder.mkdir()
    (folder / "named_otherwise.py").write_text(NAMED_OTHERWISE)
    (folder / "accepted.py").write_text(NAMED_OTHERWISE + '\n\nNOT_NOISED = ("matrix",)\n')
    monkeypatch.setenv("NNET_PLUGINS", str(tmp_path))
    with pytest.raises(ConfigError, match=r"would spare 95% .*: matrix; .*NOT_NOISED"):
        try_set_up(small_run(npz, arch="named_otherwise"))
    assert train_and_evaluate(small_run(npz, arch="accepted"))["not_noised"] == ["matrix"]
    assert train_and_evaluate(small_run(npz, arch="pixel_mlp"))["not_noised"] == []
