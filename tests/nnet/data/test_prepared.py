"""Prepared data: their split, size and order, and the cache that keeps them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from nnet.checks import Refused
from nnet.data import prepared
from nnet.files.content import sha256_of_file
from nnet.files.temporary import MACHINE
from tests.conftest import ROOT, blobs, flipped, save_npz


def test_digits_need_no_files_and_have_a_fixed_stratified_split(empty_cache):
    images = prepared.load("digits", 28, "nowhere")
    assert images.x_train.shape == (1437, 1, 28, 28) and images.x_test.shape == (360, 1, 28, 28)
    assert images.x_train.dtype == torch.uint8 and images.y_train.dtype == torch.int64
    assert images.num_classes == 10 and images.x_train.max() == 255
    counts = torch.bincount(images.y_test)
    assert counts.min() >= 34 and counts.max() <= 37
    assert prepared.load("digits", 28, "nowhere").sha256 == images.sha256


def test_digits_of_both_splits_are_different_images():
    images = prepared.load("digits", 8, "nowhere")
    train = {image.numpy().tobytes() for image in images.x_train}
    assert not any(image.numpy().tobytes() in train for image in images.x_test)


def test_native_size_keeps_pixels_and_labels(tmp_path, empty_cache):
    x, y = blobs(60, channels=2, size=(9, 13))
    images = prepared.load(save_npz(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y), None, ".")
    assert images.shape == (2, 9, 13)
    assert np.array_equal(images.x_test.numpy(), x) and np.array_equal(images.y_test.numpy(), y)
    given = sorted((image.tobytes(), label) for image, label in zip(x, y, strict=True))
    kept = zip(images.x_train.numpy(), images.y_train.numpy(), strict=True)
    assert sorted((image.tobytes(), label) for image, label in kept) == given


@pytest.mark.parametrize("size", [12, 28, 40])
def test_resizing_is_bilinear_with_antialias(tmp_path, empty_cache, size):
    x, y = blobs(30, channels=3, size=(32, 32))
    images = prepared.load(save_npz(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x, y_test=y), size, ".")
    plain = functional.interpolate(torch.from_numpy(x).double(), (size, size), mode="bilinear", antialias=True)
    assert (images.x_test.double() - plain).abs().max() <= 1.01


def test_images_of_a_file_that_are_resized_are_said_to_be(tmp_path, empty_cache, capsys):
    path = save_npz(tmp_path / "mine.npz")
    for size in (None, 8):
        prepared.load(path, size, "unused")
    assert capsys.readouterr().err == ""
    prepared.load(path, 28, "unused")
    said = f"note: the images of {path} are 8×8 and become 28×28; --image-size none keeps their size\n"
    assert capsys.readouterr().err == said


def test_every_beginning_of_the_shuffle_has_each_class_share():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    order = prepared.stratified_order(labels)
    assert sorted(order) == list(range(1000)) and list(order[:100]) != sorted(order[:100])
    for size in (10, 50, 333, 1000):
        share = np.bincount(labels[order[:size]], minlength=3) - size * np.array([0.6, 0.3, 0.1])
        assert np.abs(share).max() <= 2


def test_data_are_mapped_not_read_and_writes_stay_private(npz):
    first, second = prepared.load(npz, 8, "."), prepared.load(npz, 8, ".")
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert "x_train.npy" in maps.read_text()
    first.x_train.fill_(7)
    assert not torch.equal(first.x_train, second.x_train)
    assert prepared.load(npz, 8, ".").x_train.max() > 7


@pytest.mark.long
def test_many_processes_prepare_the_data_once(tmp_path, empty_cache):
    path = save_npz(tmp_path / "a.npz", x_train=blobs(3000, size=(32, 32))[0], y_train=blobs(3000)[1],
                    x_test=blobs(48, size=(32, 32))[0])  # fmt: skip
    program = f"""
import multiprocessing
from nnet.data import prepared
with multiprocessing.get_context("fork").Pool(6) as pool:
    print(len({{images.sha256 for images in pool.starmap(prepared.load, 6 * [({path!r}, 28, ".")], chunksize=1)}}))
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert ended.stdout == "1\n"
    assert len([path for path in empty_cache.iterdir() if not path.name.startswith(".")]) == 1
    assert not list(empty_cache.glob(".*.tmp"))


@pytest.mark.parametrize("name", ["x_train.npy", "y_train.npy", "x_test.npy", "y_test.npy", "about.json"])
def test_a_damaged_cache_is_noticed_and_prepared_again(npz, empty_cache, capsys, name):
    good = prepared.load(npz, 8, ".")
    (path,) = empty_cache.glob(f"*/{name}")
    content = path.read_bytes()
    for damaged in (b"", content[:40], content[:-1], flipped(content, 3), flipped(content, len(content) - 30)):
        path.unlink()  # the old file stays mapped
        path.write_bytes(damaged)
        again = prepared.load(npz, 8, ".")
        assert again.sha256 == good.sha256 and path.read_bytes() == content
        assert all(torch.equal(getattr(again, array), getattr(good, array)) for array in prepared.ARRAYS)
        assert capsys.readouterr().err.count("are damaged; they are prepared again") == 1
    assert [item.name for item in empty_cache.iterdir() if item.is_dir()] == [path.parent.name]


def test_what_a_process_that_was_killed_was_preparing_is_deleted(npz, empty_cache):
    prepared.load(npz, 8, ".")
    (folder,) = [path for path in empty_cache.iterdir() if path.is_dir()]
    with subprocess.Popen(["true"]) as ended:
        pass
    folder.rename(empty_cache / f".{folder.name}.{MACHINE}-{ended.pid}-0123abcd.tmp")
    prepared.load(npz, 8, ".")
    assert [path.name for path in empty_cache.iterdir() if path.is_dir()] == [folder.name]


def test_a_changed_file_is_prepared_anew(tmp_path, empty_cache):
    path = save_npz(tmp_path / "a.npz")
    before = prepared.load(path, 8, ".").sha256
    save_npz(tmp_path / "a.npz", x_test=blobs(48, seed=9)[0])
    assert prepared.load(path, 8, ".").sha256 != before


def test_a_moved_file_has_the_same_data(tmp_path, empty_cache):
    path = save_npz(tmp_path / "a.npz")
    before = prepared.load(path, 8, ".").sha256
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(path, tmp_path / "elsewhere" / "a.npz")
    assert prepared.load(str(moved), 8, ".").sha256 == before


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch, npz):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="NNET_CACHE_DIR"):
        prepared.load(npz, 8, ".")


def test_every_byte_of_a_cache_that_reaches_a_run_is_covered(npz, empty_cache, capsys):
    good = prepared.load(npz, 8, ".")
    (about,) = empty_cache.glob("*/about.json")
    arrays = [about.with_name(f"{name}.npy") for name in prepared.ARRAYS]
    for path, places in [(about, range(1, about.stat().st_size, 5)), *((path, range(6, 100, 9)) for path in arrays)]:
        content = path.read_bytes()
        for place in places:
            path.unlink()
            path.write_bytes(flipped(content, place))
            again = prepared.load(npz, 8, ".")
            assert (again.num_classes, again.mean, again.std) == (good.num_classes, good.mean, good.std)
            assert torch.equal(again.x_test, good.x_test) and torch.equal(again.y_train, good.y_train)
            path.unlink()
            path.write_bytes(content)
    assert "are damaged; they are prepared again" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x_train.npy", "about.json"])
def test_a_cache_with_a_pipe_or_folder_in_it_is_prepared_again(npz, empty_cache, name):
    good = prepared.load(npz, 8, ".").sha256
    (path,) = empty_cache.glob(f"*/{name}")
    for make in (os.mkfifo, os.mkdir):
        path.unlink()
        make(path)
        assert prepared.load(npz, 8, ".").sha256 == good and path.is_file()


def test_a_file_with_the_size_and_time_of_another_is_not_taken_for_it(tmp_path, empty_cache):
    path = Path(save_npz(tmp_path / "a.npz"))
    before, times = prepared.load(str(path), 8, "."), path.stat()
    save_npz(path, x_test=blobs(48, seed=9)[0])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_size == times.st_size and path.stat().st_mtime_ns == times.st_mtime_ns
    assert prepared.load(str(path), 8, ".").sha256 != before.sha256


def test_a_file_that_is_replaced_before_it_is_read_is_refused(tmp_path, empty_cache):
    path = save_npz(tmp_path / "a.npz")
    named = sha256_of_file(path)
    good = prepared.load(path, 8, ".", named).sha256
    save_npz(tmp_path / "a.npz", x_test=blobs(48, seed=9)[0])
    assert prepared.load(path, 8, ".", named).sha256 == good  # what the cache has is what the run is named after
    with pytest.raises(Refused, match=r"a\.npz was replaced .* launch the campaign again"):
        prepared.load(path, 16, ".", named)
