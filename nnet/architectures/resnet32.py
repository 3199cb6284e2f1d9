"""ResNet-32 for photographs of 32×32 pixels, and its sisters (He et al. 2016, arXiv:1512.03385, section 4.2)."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts import fast
from nnet.architectures.parts.standardize import Standardize
from nnet.checks import check_fields, setting, whole

CHANNELS = 3
EVALUATION_BATCH = 128
WIDTHS = (16, 32, 64)


@dataclass(frozen=True)
class Options:
    """Options of this network. Raises ConfigError for a wrong value."""

    blocks: int = setting(5, whole(1))
    """Blocks of two convolutions in each of the three stages, at least 1: 6·blocks + 2 layers. 3 is ResNet-20, 7 is
    ResNet-44, 9 is ResNet-56. Default 5, ResNet-32."""

    def __post_init__(self):
        check_fields(self)


class Block(nn.Module):
    """act(branch(x) + shortcut(x)): B×channels×H×W to B×width×⌈H/stride⌉×⌈W/stride⌉.

    The shortcut has no weights: it takes every second pixel and fills the new channels, half of them on each side, with
    zeros (option A of the paper).
    """

    def __init__(self, channels: int, width: int, stride: int, make_activation):
        super().__init__()
        self.branch = nn.Sequential(
            *(nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width), make_activation()),
            *(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)),
        )
        self.activation = make_activation()
        self.stride, self.added = stride, width - channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×channels×H×W to B×width×H'×W'."""
        shortcut = images[:, :, :: self.stride, :: self.stride]
        if self.added > 0:
            before = self.added // 2
            shortcut = functional.pad(shortcut, (0, 0, 0, 0, before, self.added - before))
        return self.activation(self.branch(images) + shortcut)


def build(image_shape, num_classes, make_activation, options):
    """Standardised pixels, a convolution 3×3 to 16 channels, stages of 16, 32 and 64 channels, global average, logits.

    464,154 parameters for 3×32×32 pixels and 10 classes.
    """
    layers: list[tuple[str, nn.Module]] = [
        ("standardize", Standardize(image_shape[0])),
        ("conv", nn.Conv2d(image_shape[0], WIDTHS[0], 3, padding=1, bias=False)),
        ("norm", nn.BatchNorm2d(WIDTHS[0])),
        ("activation", make_activation()),
    ]
    channels = WIDTHS[0]
    for stage, width in enumerate(WIDTHS, 1):
        blocks = [
            Block(channels if block == 0 else width, width, 2 if block == 0 and stage > 1 else 1, make_activation)
            for block in range(options.blocks)
        ]
        layers.append((f"stage{stage}", nn.Sequential(*blocks)))
        channels = width
    layers += [("pool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("fc", nn.Linear(channels, num_classes))]
    network = nn.Sequential(OrderedDict(layers))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
    return fast.arrange(network)
