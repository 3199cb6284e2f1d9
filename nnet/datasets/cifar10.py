"""CIFAR-10: 50,000 + 10,000 photographs, 32×32, three channels (Krizhevsky 2009)."""

from pathlib import Path

import numpy as np
from torchvision.datasets import CIFAR10

from nnet.datasets.parts.torchvision_files import read_with

AUGMENTATION = "crop_flip"
FILES = (
    "cifar-10-batches-py/data_batch_1",
    "cifar-10-batches-py/data_batch_2",
    "cifar-10-batches-py/data_batch_3",
    "cifar-10-batches-py/data_batch_4",
    "cifar-10-batches-py/data_batch_5",
    "cifar-10-batches-py/test_batch",
    "cifar-10-batches-py/batches.meta",
)


def read(data_dir: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The original files, downloaded if they are missing; torchvision compares their check sums."""
    return read_with(CIFAR10, data_dir, FILES)
