"""Datasets that torchvision downloads and parses, as arrays; its failures become one sentence."""

import tempfile
from pathlib import Path

import numpy as np
from torchvision.datasets import VisionDataset

from nnet.checks import ConfigError
from nnet.files.atomic import write_file
from nnet.files.outside import Unreadable, parsing

FAILURES = (OSError, EOFError, RuntimeError, ValueError, AssertionError, IndexError, KeyError)


def read_with(
    kind: type[VisionDataset], data_dir: Path, files: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x_train, y_train, x_test, y_test of one torchvision dataset; images uint8 N×C×H×W, labels int64.

    The network is used only if one of `files` is missing below `data_dir`; the missing ones are downloaded to it.
    Raises ConfigError if the download fails or a file is damaged.
    """
    missing = [name for name in files if not (data_dir / name).is_file()]
    if missing:
        _download(kind, data_dir, missing)
    try:
        with parsing(f"a file of {kind.__name__} in {data_dir / Path(*files[:1]).parent} is truncated or corrupt", ()):
            train, test = (kind(str(data_dir), train=part) for part in (True, False))
    except Unreadable as error:
        raise ConfigError(f"{error}; delete that folder to download it again") from error
    labels = [np.asarray(split.targets, np.int64) for split in (train, test)]
    return _images(train.data), labels[0], _images(test.data), labels[1]


def _download(kind: type[VisionDataset], data_dir: Path, missing: list[str]) -> None:
    try:
        with tempfile.TemporaryDirectory() as folder:
            kind(folder, download=True)
            for name in missing:
                write_file(data_dir / name, (Path(folder) / name).read_bytes())
    except FAILURES as error:
        reason = str(error).strip().splitlines()[-1]
        raise ConfigError(
            f"{kind.__name__} is not in {data_dir.absolute()}: {', '.join(missing)} expected there, and the download "
            f"failed ({reason}); copy these files there, or set the data folder (--data-dir, NNET_DATA_DIR) "
            "to one that has them, or start once on a machine with network access"
        ) from error


def _images(data) -> np.ndarray:
    images = np.asarray(data)
    return images[:, None] if images.ndim == 3 else np.ascontiguousarray(images.transpose(0, 3, 1, 2))
