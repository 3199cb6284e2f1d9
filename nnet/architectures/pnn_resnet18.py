"""ResNet-18 (He et al. 2016) of any width for photographs of 32×32 pixels: the baseline of perturbative networks."""

from dataclasses import dataclass

from torch import nn

from nnet.architectures.parts.initialise import draw_seed, initialise
from nnet.architectures.parts.residual import stages
from nnet.architectures.parts.standardize import Standardize
from nnet.checks import check_fields, setting, whole

CHANNELS = 1
EVALUATION_BATCH = 128
ACTIVATIONS = ("relu",)


@dataclass(frozen=True)
class Options:
    """Options of this network. Raises ConfigError for a wrong value."""

    nfilters: int = setting(16, whole(1))
    """Channels after the first layer. Default 16, for a CPU; the published programs use 64."""

    def __post_init__(self):
        check_fields(self)


def build(image_shape, num_classes, make_activation, options):
    """Standardised pixels, a convolution 3×3, four stages of two blocks of two convolutions 3×3, the first strided."""
    seed = draw_seed()
    channels, *size = image_shape
    width = options.nfilters
    first = [*_normalised(channels, width), make_activation()]

    def branch(channels, width, size, stride):
        return nn.Sequential(*_normalised(channels, width, stride), make_activation(), *_normalised(width, width))

    blocks = stages(width, size, num_classes, branch)
    return initialise(nn.Sequential(Standardize(channels), *first, *blocks), seed)


def _normalised(channels, width, stride=1):
    return nn.Conv2d(channels, width, 3, stride, padding=1, bias=False), nn.BatchNorm2d(width)
