"""The images or sequences of a run: prepared once per machine, then mapped into memory and shared by all workers.

dataset plug-in or .npz file -> resize -> stratified shuffle -> uncompressed .npy files in the cache
                                                                     │ mapped, copy on write
                                                         every worker: one copy in the page cache
"""

import functools
import hashlib
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nnet import registry
from nnet.checks import ConfigError
from nnet.console import complain
from nnet.data import images, npz, sequences
from nnet.data.validation import validated
from nnet.datasets.base import files_of, input_of
from nnet.files import checked_json
from nnet.files.atomic import locked, sync_folder
from nnet.files.cache import cache_root
from nnet.files.content import sha256_of_file
from nnet.files.outside import Unreadable, opened, parsing
from nnet.files.temporary import remove_leftovers, temporary_name

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
FORMAT = 4
ABOUT = {"num_classes": int, "mean": [float], "std": [float], "sha256": str}
"""The shape of about.json."""
KINDS: dict[str, list] = {"x": [(np.uint8, 4), (np.float32, 3)], "y": [(np.int64, 1)]}
"""Type and dimensions of images or sequences, and of labels."""


@dataclass(frozen=True)
class Images:
    """One dataset in memory: images uint8 N×C×H×W or sequences float32 N×T×C, labels int64 N.

    Training samples are in stratified order.
    """

    x_train: torch.Tensor
    y_train: torch.Tensor
    x_test: torch.Tensor
    y_test: torch.Tensor
    num_classes: int
    mean: list[float]
    """Of all training samples, per channel, pixels from 0 to 1."""
    std: list[float]
    """Standard deviation, likewise."""
    sha256: str

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, H, W) of one image, (T, C) of one sequence."""
        return tuple(self.x_train.shape[1:])


def kind_of(samples: torch.Tensor | np.ndarray) -> Any:
    """The functions for these samples: the module `images` or, for three dimensions, `sequences`."""
    return sequences if samples.ndim == 3 else images


def load(
    dataset: str,
    image_size: int | None,
    data_dir: str | Path,
    sha256: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Images:
    """The samples of a dataset or .npz file, images at `image_size` pixels, prepared unless the cache has them.

    `sha256`: of the content that the .npz file must have; None takes the file as it is now. `options`: those of the
    dataset that are set, by name. Raises ConfigError, in one sentence, if files are missing or damaged or cannot be
    cached, and Refused if the .npz file has another content.
    """
    source = _source(dataset, image_size, data_dir, sha256, options)
    try:
        found = _mapped(_folder(*source))
        if found is None:
            folder = _folder(*source)
            with locked(folder.with_name(f".{folder.name}.lock")):
                found = _mapped(_folder(*source))  # another process may have prepared them meanwhile
                if found is None:
                    if _folder(*source).exists():
                        warning = f"warning: the cached data in {_folder(*source)} are damaged; they are prepared again"
                        complain(warning)
                    found = _mapped(_prepare(*source))
    except OSError as error:
        raise ConfigError(f"{dataset} cannot be cached in {cache_root()} ({error}); set NNET_CACHE_DIR") from error
    assert found is not None, "it has just been prepared"
    return found


def verify(dataset: str, image_size: int | None, data_dir: str | Path, options: Mapping[str, Any]) -> None:
    """Check the prepared data, if any, once for this process and all processes forked from it."""
    with suppress(ConfigError):  # the run will say what is wrong with the file
        _mapped(_folder(*_source(dataset, image_size, data_dir, None, options)))


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


def _source(dataset, image_size, data_dir, sha256, options) -> tuple:
    """What the functions below take: the folder as a path, the content of an .npz file, options with their defaults."""
    sha256 = sha256 or _sha256_of(dataset)
    defaults = {} if sha256 else registry.option_defaults("datasets", dataset)
    return dataset, image_size, Path(data_dir), sha256, defaults | dict(options or {})


def _folder(dataset: str, image_size: int | None, data_dir: Path, sha256: str | None, options: dict) -> Path:
    """The folder of the prepared data, named after everything that determines them.

    That is the content of an .npz file; of a dataset with a name, its options, its code and the versions of its files.
    """
    origin: tuple
    if sha256 is not None:
        name, origin = Path(dataset).stem, (FORMAT, sha256)
    else:
        sources = [path for paths in files_of(dataset, data_dir).values() for path in paths]
        files = [(path.resolve(), path.stat()) for path in sources]
        versions = [(str(path), status.st_size, status.st_mtime_ns, status.st_ctime_ns) for path, status in files]
        name, origin = dataset, (FORMAT, registry.source("datasets", dataset), versions)
        origin += (sorted(options.items()),) if options else ()
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
    opened(path).close()  # a pipe would not be
    with parsing(f"{path} is damaged: not an array"):
        array = np.load(path, mmap_mode="c")
        if (array.dtype, array.ndim) not in KINDS[name[0]] or not array.flags.c_contiguous:
            raise ValueError(f"{array.dtype} of {array.ndim} dimensions")
    return array


def _prepare(dataset: str, image_size: int | None, data_dir: Path, sha256: str | None, options: dict) -> Path:
    if sha256 is not None:
        arrays = npz.read(Path(dataset), sha256=sha256)
    else:
        arguments = registry.make_options("datasets", dataset, options)
        arrays = registry.load("datasets", dataset).read(data_dir, **arguments)
    x_train, y_train, x_test, y_test = validated(arrays, dataset, input_of(dataset, sha256))
    order, kind = stratified_order(y_train), kind_of(x_train)
    native = "×".join(map(str, x_train.shape[2:]))
    if sha256 and kind is images and image_size is not None and {*x_train.shape[2:]} != {image_size}:
        size = f"{image_size}×{image_size}"
        complain(f"note: the images of {dataset} are {native} and become {size}; --image-size none keeps their size")
    prepared = (kind.resized(x_train[order], image_size), y_train[order], kind.resized(x_test, image_size), y_test)
    arrays = {name: np.ascontiguousarray(array) for name, array in zip(ARRAYS, prepared, strict=True)}
    folder = _folder(dataset, image_size, data_dir, sha256, options)  # only now: `read` may have downloaded files
    remove_leftovers(folder.parent)
    beside = folder.with_name(temporary_name(folder.name))
    beside.mkdir()
    try:
        for name, array in arrays.items():
            np.save(beside / f"{name}.npy", array)
        mean, std = kind.mean_and_std(arrays["x_train"])
        about = {"num_classes": int(y_train.max()) + 1, "mean": mean, "std": std, "sha256": _sha256(arrays)}
        checked_json.save(beside / "about.json", about)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(FileExistsError):  # on a disk without locks another process may have been faster
            os.rename(beside, folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder
