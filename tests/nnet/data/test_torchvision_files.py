"""Files of published datasets: read without a network, and refused where they are damaged."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from nnet.data import prepared
from nnet.datasets.parts.torchvision_files import read_with
from tests.conftest import write_idx


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "cifar10"])
def test_a_failed_download_says_where_the_files_belong(tmp_path, empty_cache, monkeypatch, dataset):
    def offline(*arguments, **keywords):
        raise OSError("the network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", offline)
    with pytest.raises(ValueError, match="expected there.*unreachable.*NNET_DATA_DIR") as caught:
        prepared.load(dataset, 28, tmp_path / "data")
    assert str(tmp_path / "data") in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_mnist_is_read_without_a_network(mnist_dir, empty_cache, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    images = prepared.load("mnist", 28, mnist_dir)
    assert images.x_train.shape == (60000, 1, 28, 28) and images.x_test.shape == (10000, 1, 28, 28)
    raw = Path(mnist_dir) / "MNIST/raw"
    pixels = np.frombuffer((raw / "t10k-images-idx3-ubyte").read_bytes()[16:], np.uint8).reshape(10000, 1, 28, 28)
    labels = np.frombuffer((raw / "t10k-labels-idx1-ubyte").read_bytes()[8:], np.uint8)
    assert np.array_equal(images.x_test.numpy(), pixels) and np.array_equal(images.y_test.numpy(), labels)
    share = torch.bincount(images.y_train[:2000]) / 2000 - torch.bincount(images.y_train) / 60000
    assert share.abs().max() < 0.001


def write_fashion(folder: Path, labels: np.ndarray) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 28, 28))
    for split in ("train", "t10k"):
        write_idx(folder / f"FashionMNIST/raw/{split}-images-idx3-ubyte", images)
        write_idx(folder / f"FashionMNIST/raw/{split}-labels-idx1-ubyte", labels)
    return images


def test_fashion_mnist_is_read_without_a_network(tmp_path, empty_cache, monkeypatch):
    monkeypatch.setattr("urllib.request.urlopen", None)
    labels = np.arange(200) % 10
    pixels = write_fashion(tmp_path, labels)
    images = prepared.load("fashion_mnist", 28, tmp_path)
    assert np.array_equal(images.x_test[:, 0].numpy(), pixels) and np.array_equal(images.y_test.numpy(), labels)


@pytest.mark.parametrize("packed", [["train-images"], ["train-labels", "t10k-images", "t10k-labels"]], ids=str)
def test_files_that_lie_there_packed_are_unpacked(tmp_path, empty_cache, monkeypatch, packed):
    monkeypatch.setattr("urllib.request.urlopen", None)
    pixels = write_fashion(tmp_path, np.arange(200) % 10)
    for name in packed:
        (path,) = (tmp_path / "FashionMNIST/raw").glob(f"{name}-*")
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert np.array_equal(prepared.load("fashion_mnist", 28, tmp_path).x_test[:, 0].numpy(), pixels)


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"x" * 1000)[:-9], b"\x1f\x8b\x08" + 60 * b"\xff"],
    ids=["empty", "text", "cut", "noise"],  # an archive holds the second in which it was made
)
def test_a_damaged_archive_is_named(tmp_path, empty_cache, monkeypatch, content):
    monkeypatch.setattr("urllib.request.urlopen", None)
    write_fashion(tmp_path, np.arange(200) % 10)
    raw = tmp_path / "FashionMNIST/raw"
    (raw / "train-images-idx3-ubyte").unlink()
    (raw / "train-images-idx3-ubyte.gz").write_bytes(content)
    with pytest.raises(ValueError, match="train-images-idx3-ubyte.gz|corrupt"):
        prepared.load("fashion_mnist", 28, tmp_path)


def test_fashion_mnist_with_a_wrong_label_is_refused(tmp_path, empty_cache):
    write_fashion(tmp_path, np.append(np.arange(199) % 10, 5))
    with pytest.raises(ValueError, match="corrupt: classes are unequal"):
        prepared.load("fashion_mnist", 28, tmp_path)


def test_colour_images_become_channels_first(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3)).astype(np.uint8)

    class Split:
        def __init__(self, root, train):
            self.data, self.targets = pixels, [3, 1, 2, 0, 5, 4]

    x_train, y_train, _, y_test = read_with(Split, tmp_path, ())
    assert np.array_equal(x_train, np.moveaxis(pixels, 3, 1)) and y_train.dtype == np.int64
    assert list(y_test) == [3, 1, 2, 0, 5, 4]


@pytest.mark.parametrize("damage", ["cut", "empty", "one bit"])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_damaged_mnist_file_is_refused(mnist_dir, tmp_path, empty_cache, monkeypatch, name, damage):
    monkeypatch.setattr("urllib.request.urlopen", None)
    shutil.copytree(Path(mnist_dir) / "MNIST/raw", tmp_path / "MNIST/raw", copy_function=shutil.copyfile)
    path = tmp_path / "MNIST/raw" / name
    content = path.read_bytes()
    flipped = content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]
    os.chmod(tmp_path / "MNIST/raw", 0o755)
    path.write_bytes({"cut": content[:5000], "empty": b"", "one bit": flipped}[damage])
    with pytest.raises(ValueError, match="corrupt") as caught:
        prepared.load("mnist", 28, tmp_path)
    assert str(tmp_path) in str(caught.value) and "\n" not in str(caught.value)
