"""Cheap checks of this machine, made before workers start and import torch."""

import ctypes
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from campaign.machine.console import complain
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.datasets.base import files_of

DRIVER = "libcuda.so.1"
"""The library of NVIDIA's driver, without which torch finds no GPU."""


def check(configs: Sequence[TrainConfig]) -> None:
    """Raise ConfigError if these runs need a GPU that is not here; say which data will be downloaded."""
    if any(config.use_cuda for config in configs) and not may_have_gpu():
        raise ConfigError(
            "use_cuda=True, but torch finds no CUDA device here: NVIDIA's driver is missing, or torch is a build for "
            "processors; leave --use-cuda out"
        )
    for dataset, folder in dict.fromkeys((config.dataset, config.data_dir) for config in configs):
        missing = [name for name, paths in files_of(dataset, folder).items() if not paths]
        if missing:
            lacking = f"{dataset} is not complete in {folder} ({missing[0]} is missing)"
            complain(f"note: {lacking}: it is downloaded now, if its file can do so")


def may_have_gpu() -> bool:
    """Whether a GPU that torch can use may be here; only torch itself can be sure of it."""
    try:
        build = version("torch").partition("+")[2]
    except PackageNotFoundError:
        return True
    if build == "cpu":
        return False
    if not sys.platform.startswith("linux") or "rocm" in build:
        return True
    try:
        ctypes.CDLL(DRIVER)
    except OSError:
        return False
    return True
