"""Shared by the tests: small data that can be learnt, a cache folder of their own, one torch thread, tiny runs."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import nnet_models
from nnet import registry
from nnet.config import TrainConfig

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".pytest_cache/numba"))  # before anything is compiled


@pytest.fixture(scope="session", autouse=True)
def environment(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # the processes of one session share their cache
        folder = folder.parent
    os.environ["NNET_CACHE_DIR"] = str(folder / "cache")
    os.environ["NNET_NO_REPORT"] = "1"  # drawing takes seconds; test_report_page.py has it written
    torch.set_num_threads(1)
    for number in (signal.SIGINT, signal.SIGHUP):  # the background and nohup ignore them, and launchers inherit that
        signal.signal(number, signal.default_int_handler)


def blobs(
    images: int, channels: int = 1, size: tuple[int, int] = (8, 8), classes: int = 3, seed: int = 0, contrast: int = 100
):
    """Images of one bright horizontal band per class on a noisy ground: a linear network can tell them apart."""
    random = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pixels = random.integers(0, 120, (images, channels, *size))
    for image, label in zip(pixels, labels, strict=True):
        image[:, label * size[0] // classes : (label + 1) * size[0] // classes] += contrast
    return pixels.astype(np.uint8), labels.astype(np.int64)


def learn(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int, rate: float) -> None:
    """Train the model with Adam, on all images in each step."""
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model.zero_grad()


def save_npz(path: Path, **changed) -> str:
    """An .npz dataset of blobs, 96 + 48 images; keywords replace arrays, None leaves one out."""
    x_train, y_train = blobs(96)
    x_test, y_test = blobs(48, seed=1)
    arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test} | changed
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return str(path)


def waves(samples: int, steps: int = 12, seed: int = 0):
    """Two noisy traces N×T×2 whose slopes are the class, of three."""
    random = np.random.default_rng(seed)
    labels = np.arange(samples) % 3
    slopes = (labels[:, None, None] - 1) * np.linspace(-1, 1, steps)[:, None] * np.array([1, -1])
    return (2 * slopes + random.normal(0, 0.5, (samples, steps, 2))).astype(np.float32), labels.astype(np.int64)


def save_sequences(path: Path, **changed) -> str:
    """An .npz dataset of waves, 60 + 30 sequences; keywords replace arrays."""
    (x_train, y_train), (x_test, y_test) = waves(60), waves(30, seed=1)
    np.savez(path, **{"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test} | changed)
    return str(path)


def sample_shape(arch: str) -> tuple[int, ...]:
    """The shape of a sample that every network of this architecture takes."""
    if registry.constant("architectures", arch, "INPUT", "images") == "sequences":
        return (12, 2)
    return (registry.constant("architectures", arch, "CHANNELS", 1), 28, 28)


def small_run(npz: str, **changed) -> TrainConfig:
    """Seconds of training on the dataset of `npz`; keywords replace fields."""
    fields = dict(dataset=npz, image_size=8, arch="mlp_small", epochs=2, batch_size=16, alpha_tests=(0,))
    return TrainConfig(**fields | dict(noise_samples=2) | changed)


def timeless(result: dict) -> dict:
    """A result without its durations and the commands that asked for it, which differ between two equal runs."""
    plain = {name: value for name, value in result.items() if not name.endswith("_seconds")}
    measurements = [
        measurement | {"seconds": 0, "provenance": _each_once(map(_commandless, measurement["provenance"]))}
        for measurement in result["measurements"]
    ]
    return plain | {"provenance": _commandless(result["provenance"]), "measurements": measurements}


def _commandless(provenance: dict) -> dict:
    return {name: value for name, value in provenance.items() if name != "command"}


def _each_once(items) -> list:
    once = []
    for item in items:
        if item not in once:
            once.append(item)
    return once


class Interrupted(Exception):
    """What ends a run between two epochs in these tests."""


def interrupted(cfg: TrainConfig, monkeypatch, epochs: int) -> None:
    """Train a run for this many more epochs, then end it as a kill between two epochs does."""
    epoch = nnet_models.train_one_epoch
    left = iter([True] * epochs)

    def limited(*arguments):
        if next(left, None) is None:
            raise Interrupted
        return epoch(*arguments)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(nnet_models, "train_one_epoch", limited)
        nnet_models.train_and_evaluate(cfg)


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write a file in the format of MNIST: magic number, sizes, bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def flipped(content: bytes, place: int) -> bytes:
    """The same bytes with one bit changed."""
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


@pytest.fixture(scope="session")
def npz(tmp_path_factory) -> str:
    """The path of a small dataset that can be learnt."""
    return save_npz(tmp_path_factory.mktemp("data") / "blobs.npz")


@pytest.fixture(scope="session")
def sequences(tmp_path_factory) -> str:
    """The path of a small dataset of sequences that can be learnt."""
    return save_sequences(tmp_path_factory.mktemp("data") / "waves.npz")


@pytest.fixture(scope="session")
def mnist_dir() -> str:
    """The data folder with the real MNIST, from NNET_DATA_DIR; tests that need it skip where it is absent."""
    folder = os.environ.get("NNET_DATA_DIR", "data")
    if not (Path(folder) / "MNIST/raw/train-images-idx3-ubyte").is_file():
        pytest.skip(f"no MNIST in {folder}: set NNET_DATA_DIR to the folder that holds MNIST/raw")
    return folder
