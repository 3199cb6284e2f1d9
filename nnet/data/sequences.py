"""What is done to sequences, as `images` for images: they have no size in pixels and go to the network as they are."""

import numpy as np
import torch

from nnet.checks import ConfigError


def resized(sequences: np.ndarray, image_size: int | None) -> np.ndarray:
    """float32 N×T×C as they are. Raises ConfigError for a size in pixels."""
    if image_size is not None:
        raise ConfigError(f"image_size {image_size} has no meaning for sequences, which have no pixels")
    return sequences


def mean_and_std(sequences: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel over samples and time steps, in double precision."""
    return sequences.mean((0, 1), float).tolist(), sequences.std((0, 1), float).tolist()


def inputs(sequences: torch.Tensor) -> torch.Tensor:
    """The network's input: the sequences themselves."""
    return sequences


def repeated(sequences: torch.Tensor, channels: int) -> torch.Tensor:
    """The sequences themselves: a single channel stays single."""
    return sequences


def sample_shape(sequences: torch.Tensor, channels: int) -> tuple[int, int]:
    """(T, C) of the network's input."""
    return sequences.shape[1], sequences.shape[2]
