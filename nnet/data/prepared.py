"""The images of a run: prepared once per machine, then mapped into memory and shared by all workers.

dataset plug-in or .npz file -> resize -> stratified shuffle -> uncompressed .npy files in the cache
                                                                     │ mapped, copy on write
                                                         every worker: one copy in the page cache
"""

import fcntl
import functools
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nnet import registry
from nnet.checks import ConfigError
from nnet.data import npz
from nnet.data.images import mean_and_std, resized
from nnet.data.validation import validated
from nnet.files import checked_json
from nnet.files.atomic import sync_folder
from nnet.files.cache import cache_root
from nnet.files.content import sha256_of_file
from nnet.files.outside import Unreadable, parsing

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
FORMAT = 4
ABOUT = {"num_classes": int, "mean": [float], "std": [float], "sha256": str}
"""The shape of about.json."""
KINDS = {"x": (np.uint8, 4), "y": (np.int64, 1)}
"""Type and dimensions of images and of labels."""


@dataclass(frozen=True)
class Images:
    """One dataset in memory: images uint8 N×C×H×W, labels int64 N; training images in stratified order."""

    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    num_classes: int
    mean: list[float]
    """Of all training images, per channel, pixels from 0 to 1."""
    std: list[float]
    """Standard deviation, likewise."""
    sha256: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.x_train.shape
        return channels, height, width


def load(dataset: str, image_size: int | None, data_dir: str | Path, sha256: str | None = None) -> Images:
    """The images of a dataset or .npz file at `image_size` pixels, prepared unless the cache has them.

    `sha256`: of the content that the .npz file must have; None takes the file as it is now. Raises ConfigError, in one
    sentence, if files are missing or damaged or cannot be cached, and Refused if the .npz file has another content.
    """
    source = (dataset, image_size, Path(data_dir), sha256 or _sha256_of(dataset))
    try:
        images = _mapped(_folder(*source))
        if images is None:
            with _lock(_folder(*source)):
                images = _mapped(_folder(*source))  # another process may have prepared them meanwhile
                if images is None:
                    if _folder(*source).exists():
                        warning = f"warning: the cached data in {_folder(*source)} are damaged; they are prepared again"
                        print(warning, file=sys.stderr)
                    images = _mapped(_prepare(*source))
    except OSError as error:
        raise ConfigError(f"{dataset} cannot be cached in {cache_root()} ({error}); set NNET_CACHE_DIR") from error
    assert images is not None, "it has just been prepared"
    return images


def verify(dataset: str, image_size: int | None, data_dir: str | Path) -> None:
    """Check the prepared data, if any, once for this process and all processes forked from it."""
    with suppress(ConfigError):  # the run will say what is wrong with the file
        _mapped(_folder(dataset, image_size, Path(data_dir), _sha256_of(dataset)))


def stratified_order(labels: np.ndarray) -> np.ndarray:
    """A fixed permutation of the indices of `labels` (int N); every prefix is class-balanced to within one image."""
    random = np.random.default_rng(0)
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        position[members] = (np.arange(len(members)) + random.random(len(members))) / len(members)
    return np.argsort(position, kind="stable")


def _sha256_of(dataset: str) -> str | None:
    """Of the content of an .npz file; None for a dataset with a name."""
    try:
        return sha256_of_file(dataset) if dataset.endswith(".npz") else None
    except (OSError, Unreadable) as error:
        raise ConfigError(f"cannot read {dataset}: {error}") from error


def _folder(dataset: str, image_size: int | None, data_dir: Path, sha256: str | None) -> Path:
    """The folder of the prepared data, named after everything that determines them.

    That is the content of an .npz file; of a dataset with a name, its code and the versions of its files.
    """
    if sha256 is not None:
        name, origin = Path(dataset).stem, (FORMAT, sha256)
    else:
        sources = [data_dir / file for file in registry.constant("datasets", dataset, "FILES", ())]
        files = [(path.resolve(), path.stat()) for path in sources if path.exists()]
        versions = [(str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns) for path, status in files]
        name, origin = dataset, (FORMAT, registry.source("datasets", dataset), versions)
    fingerprint = hashlib.sha256(repr(origin).encode()).hexdigest()[:16]
    return cache_root() / f"{name}-{image_size or 'native'}-{fingerprint}"


def _mapped(folder: Path) -> Images | None:
    """The prepared data, or None if there are none or if a byte of them has changed."""
    try:
        about = checked_json.load(folder / "about.json", ABOUT)
        files = [(folder / f"{name}.npy").stat() for name in ARRAYS]
        versions = tuple((file.st_ino, file.st_size, file.st_mtime_ns, file.st_ctime_ns) for file in files)
        if _sha256_of_files(folder, versions) != about["sha256"]:
            return None
        x_train, y_train, x_test, y_test = (torch.from_numpy(_array(folder, name)) for name in ARRAYS)
    except (OSError, Unreadable):
        return None
    return Images(x_train, y_train, x_test, y_test, **about)


@functools.cache
def _sha256_of_files(folder: Path, versions: tuple) -> str:
    """Computed once per process; `versions` is only the key of the cache, so that changed files are read again."""
    return _sha256({name: _array(folder, name) for name in ARRAYS})


def _sha256(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(array)  # type: ignore[arg-type]  # an array is a buffer
    return digest.hexdigest()


def _array(folder: Path, name: str) -> np.ndarray:
    path = folder / f"{name}.npy"
    with parsing(f"{path} is damaged: not an array"):
        array = np.load(path, mmap_mode="c")
        if (array.dtype, array.ndim) != KINDS[name[0]] or not array.flags.c_contiguous:
            raise ValueError(f"{array.dtype} of {array.ndim} dimensions")
    return array


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f".{folder.name}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _prepare(dataset: str, image_size: int | None, data_dir: Path, sha256: str | None) -> Path:
    if sha256 is not None:
        arrays = npz.read(Path(dataset), sha256=sha256)
    else:
        arrays = registry.load("datasets", dataset).read(data_dir)
    x_train, y_train, x_test, y_test = validated(arrays, dataset)
    order = stratified_order(y_train)
    prepared = (resized(x_train[order], image_size), y_train[order], resized(x_test, image_size), y_test)
    arrays = {name: np.ascontiguousarray(array) for name, array in zip(ARRAYS, prepared, strict=True)}
    folder = _folder(dataset, image_size, data_dir, sha256)  # only now: `read` may have downloaded files
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):  # of a killed process: we hold the lock
        shutil.rmtree(leftover, ignore_errors=True)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    beside.mkdir()
    try:
        for name, array in arrays.items():
            np.save(beside / f"{name}.npy", array)
        mean, std = mean_and_std(arrays["x_train"])
        about = {"num_classes": int(y_train.max()) + 1, "mean": mean, "std": std, "sha256": _sha256(arrays)}
        checked_json.save(beside / "about.json", about)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(beside, folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
