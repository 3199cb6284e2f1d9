"""Fashion-MNIST: 60,000 + 10,000 images of clothes, 28×28, one channel (Xiao et al. 2017, arXiv:1708.07747)."""

from pathlib import Path

import numpy as np
from torchvision.datasets import FashionMNIST

from nnet.checks import ConfigError
from nnet.datasets.parts.torchvision_files import read_with

AUGMENTATION = "crop_flip"
FILES = (
    "FashionMNIST/raw/train-images-idx3-ubyte",
    "FashionMNIST/raw/train-labels-idx1-ubyte",
    "FashionMNIST/raw/t10k-images-idx3-ubyte",
    "FashionMNIST/raw/t10k-labels-idx1-ubyte",
)


def read(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The original files, downloaded if they are missing. Raises ConfigError if the classes are not of equal size."""
    arrays = read_with(FashionMNIST, data_dir, FILES)
    for labels in (arrays[1], arrays[3]):
        if not np.array_equal(np.bincount(labels), np.full(10, len(labels) // 10)):
            raise ConfigError(
                f"the label files in {data_dir / 'FashionMNIST/raw'} are corrupt: classes are unequal in size"
            )
    return arrays
