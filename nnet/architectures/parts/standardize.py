"""Standardisation of the input inside a network, with the mean and standard deviation of the dataset."""

from collections.abc import Sequence

import torch
from torch import nn


class Standardize(nn.Module):
    """(value − mean) / std, channel by channel; before `fit` values pass unchanged.

    Mean and std are buffers: they are saved with the network, but never trained or perturbed.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, channels: int, sequences: bool = False):
        super().__init__()
        shape = (channels,) if sequences else (channels, 1, 1)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×C×H×W to B×C×H×W; sequences B×T×C to B×T×C."""
        return (images - self.mean) / self.std


def fit(model: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
    """Set every `Standardize` of a network; a single value applies to all channels, a std of 0 counts as 1."""
    for module in model.modules():
        if isinstance(module, Standardize):
            for buffer, values in ((module.mean, mean), (module.std, [value or 1.0 for value in std])):
                buffer.copy_(torch.tensor(values).view(-1, *[1] * (buffer.dim() - 1)))


def names(model: nn.Module) -> list[str]:
    """The names of these buffers in the network's state: they follow from the dataset, so that a file may lack them."""
    layers = [name for name, module in model.named_modules() if isinstance(module, Standardize)]
    return [f"{layer}.{buffer}" if layer else buffer for layer in layers for buffer in ("mean", "std")]
