"""What the ResNets of the study of perturbative networks share: four stages of two blocks (He et al. 2016)."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

STAGES = (1, 2, 4, 8)
BLOCKS = 2


class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)): B×channels×H×W to B×width×⌈H/stride⌉×⌈W/stride⌉.

    The shortcut is x, or where the shape changes a convolution 1×1 without bias and its normalisation.
    """

    def __init__(self, branch: nn.Module, channels: int, width: int, stride: int):
        super().__init__()
        self.branch = branch
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            projection = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(width))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×channels×H×W to B×width×H'×W'."""
        return functional.relu(self.branch(images) + self.shortcut(images))


def stages(
    width: int,
    size: tuple[int, int],
    num_classes: int,
    make_branch: Callable[[int, int, tuple[int, int], int], nn.Module],
) -> list[nn.Module]:
    """Blocks of width, 2·width, 4·width and 8·width channels, pooling of all pixels, the logits.

    The first block of each stage but the first has a stride of 2. `size`: (H, W) of what comes in;
    `make_branch(channels, width, size, stride)` makes a block's branch.
    """
    layers, channels = [], width
    for multiple in STAGES:
        for number in range(BLOCKS):
            stride = 2 if number == 0 and multiple > 1 else 1
            branch = make_branch(channels, multiple * width, size, stride)
            layers.append(Residual(branch, channels, multiple * width, stride))
            channels, size = multiple * width, shrunk(size, stride)
    return [*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_classes)]


def shrunk(size: tuple[int, int], stride: int = 2) -> tuple[int, int]:
    """(H, W) after a layer of this stride that leaves no pixel out."""
    height, width = size
    return -(-height // stride), -(-width // stride)


def pooled(pooling: str, stride: int) -> list[nn.Module]:
    """Pooling, `max` or `avg`, of stride×stride pixels, or nothing at stride 1."""
    layer = nn.MaxPool2d(stride, ceil_mode=True) if pooling == "max" else nn.AvgPool2d(stride, ceil_mode=True)
    return [] if stride == 1 else [layer]
