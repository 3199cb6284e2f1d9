"""The size of the numbers in a tensor: standard deviation, in one pass over its memory, norm and root mean square."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from nnet.random.compiled import compiled

BLOCK = 1024


def standard_deviation(tensor: torch.Tensor) -> float | torch.Tensor:
    """The sample standard deviation of all elements, 0 for a single one; a tensor on a GPU, to avoid waiting for it.

    `Tensor.std` takes ten times as long on a CPU.
    """
    if tensor.device.type != "cpu":
        return tensor.std(correction=min(1, tensor.numel() - 1))
    if tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()  # NumPy and Numba do not know all of PyTorch's types
    numbers = tensor.contiguous().numpy().reshape(-1)
    size = len(numbers)
    whole = size // BLOCK * BLOCK
    total, squares = _sums(numbers[:whole].reshape(-1, BLOCK), numbers[0])
    with np.errstate(over="ignore", invalid="ignore"):  # if the network diverges
        rest = numbers[whole:].astype(float) - float(numbers[0])
        total, squares = total + rest.sum(), squares + np.square(rest).sum()
    return math.sqrt(max(0.0, squares - total**2 / size) / max(1, size - 1))


def total_norm(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """‖x‖₂ of all numbers of several tensors together, 0-dimensional.

    `torch.nn.utils.get_total_norm` does the same, but takes twice as long for a few small tensors.
    """
    return torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors]))


def root_mean_square(tensor: torch.Tensor) -> float | torch.Tensor:
    """‖x‖₂/√n of all n elements; a tensor on a GPU, to avoid waiting for it."""
    size = torch.linalg.vector_norm(tensor) / math.sqrt(tensor.numel())
    return size.item() if tensor.device.type == "cpu" else size


def largest_magnitude(tensor: torch.Tensor) -> float | torch.Tensor:
    """max|x| of all elements; a tensor on a GPU, to avoid waiting for it."""
    largest = torch.linalg.vector_norm(tensor, torch.inf)
    return largest.item() if tensor.device.type == "cpu" else largest


def clipped(tensor: torch.Tensor, deviations: float) -> torch.Tensor:
    """The tensor clipped to ±`deviations` times its standard deviation; as it is where all its elements are equal."""
    limit = deviations * standard_deviation(tensor)
    if isinstance(limit, float):
        return tensor if limit == 0 else tensor.clamp(-limit, limit)
    return torch.where(limit > 0, tensor.clamp(-limit, limit), tensor)


@compiled
def _sums(blocks, origin):
    """Sum and sum of squares of the differences from `origin`, a number near the mean, so that no digits are lost."""
    total, squares = 0.0, 0.0
    for block in range(blocks.shape[0]):
        of_block, squares_of_block = origin - origin, origin - origin
        for number in range(BLOCK):
            difference = blocks[block, number] - origin
            of_block += difference
            squares_of_block += difference * difference
        total += of_block
        squares += squares_of_block
    return total, squares
