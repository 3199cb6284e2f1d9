"""MNIST: 60,000 + 10,000 handwritten digits, 28×28, one channel (LeCun, Cortes and Burges)."""

import hashlib
from pathlib import Path

import numpy as np
from torchvision.datasets import MNIST

from nnet.checks import ConfigError
from nnet.datasets.parts.torchvision_files import read_with

FILES = (
    "MNIST/raw/train-images-idx3-ubyte",
    "MNIST/raw/train-labels-idx1-ubyte",
    "MNIST/raw/t10k-images-idx3-ubyte",
    "MNIST/raw/t10k-labels-idx1-ubyte",
)
SHA256 = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)


def read(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The original files, downloaded if they are missing. Raises ConfigError for a file that is not the original."""
    arrays = read_with(MNIST, data_dir, FILES)
    for name, expected in zip(FILES, SHA256, strict=True):
        with open(data_dir / name, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise ConfigError(f"{data_dir / name} is corrupt: its SHA-256 is not that of the original MNIST file")
    return arrays
