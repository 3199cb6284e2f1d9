"""The ResNet-18 of noise layers as it was first published (Juefei-Xu, Boddeti and Savvides 2018, CVPR), corrected.

Its masks are drawn at construction and belong to its state; the published ones were drawn in the first pass and lost.
"""

from dataclasses import dataclass

from torch import nn

from nnet.architectures.parts.initialise import draw_seed, initialise
from nnet.architectures.parts.masks import Masks
from nnet.architectures.parts.residual import pooled, shrunk, stages
from nnet.architectures.parts.standardize import Standardize
from nnet.checks import check_fields, number, one_of, setting, whole

CHANNELS = 1
EVALUATION_BATCH = 128
NOT_NOISED = ("*.noise",)  # masks are added to the input of a layer
ACTIVATIONS = ("relu",)


@dataclass(frozen=True)
class Options:
    """Options of this network. Raises ConfigError for a wrong value."""

    nfilters: int = setting(16, whole(1))
    """Channels after the first layer. Default 16, for a CPU; the published programs use 64."""
    first_filter_size: int = setting(7, one_of((3, 7)))
    """Filter size of the first convolution: 3, or 7 with stride 2 and max-pooling 3×3 of stride 2. Default 7."""
    level: float = setting(0.1, number)
    """Factor of the masks, U(−1, 1), ≥ 0: noise of standard deviation level/√3. Default 0.1."""

    def __post_init__(self):
        check_fields(self)


def build(image_shape, num_classes, make_activation, options):
    """Standardised pixels, a convolution, four stages of two blocks, each of two layers of noise.

    A layer: masks, an activation, normalisation, a convolution 1×1.
    """
    seed = draw_seed()
    channels, *size = image_shape
    width, large = options.nfilters, options.first_filter_size == 7
    stem = nn.Conv2d(channels, width, options.first_filter_size, 2 if large else 1, 3 if large else 1, bias=False)
    first = [stem, nn.BatchNorm2d(width), make_activation()]
    if large:
        first.append(nn.MaxPool2d(3, 2, 1))
        size = shrunk(shrunk(size))

    def noisy(channels, width, size):
        masks = Masks((1, channels, 1, *size), options.level)
        return masks, make_activation(), nn.BatchNorm2d(channels), nn.Conv2d(channels, width, 1)

    def branch(channels, width, size, stride):
        between = (*pooled("max", stride), nn.BatchNorm2d(width), make_activation())
        return nn.Sequential(
            *noisy(channels, width, size), *between, *noisy(width, width, shrunk(size, stride)), nn.BatchNorm2d(width)
        )

    blocks = stages(width, size, num_classes, branch)
    return initialise(nn.Sequential(Standardize(channels), *first, *blocks), seed)
