"""The two small networks of the study of perturbative networks, with convolutions or perturbation layers.

In the form of the reproduction of Juefei-Xu, Boddeti and Savvides 2018 (CVPR), corrected: images of every size.
"""

from torch import nn

from nnet.architectures.parts.initialise import draw_seed, initialise
from nnet.architectures.parts.mask_options import Options
from nnet.architectures.parts.masks import layer
from nnet.architectures.parts.perceptron import dropping
from nnet.architectures.parts.residual import shrunk
from nnet.architectures.parts.standardize import Standardize

CHANNELS = 1
DROPOUT = True
EVALUATION_BATCH = 64
NOT_NOISED = ("*.noise",)  # masks are added to the input of a layer
VARIANTS = {
    "cifarnet": {"layers": 2, "hidden": 256},
    "lenet": {"layers": 1, "hidden": 128},
}
STAGES, LAST_SIDE = 3, 4


def build(image_shape, num_classes, make_activation, layers, hidden, options: Options, dropout=0.0):
    """Standardised pixels, three stages of `layers` layers and a pooling 3×3 of stride 2, two linear layers.

    The maps before the first linear layer have 4×4 pixels: images of 28 to 32 pixels a side give that size, others are
    pooled to it.
    """
    seed = draw_seed()
    channels, *size = image_shape
    options.check_channels(channels)
    stages = []
    for number in range(STAGES * layers):
        stages.append(layer(channels, options.nfilters, size, make_activation, options, first=number == 0))
        channels = options.nfilters
        if number == 0 and options.first_filter_size == 7:
            size = shrunk(size)
        if (number + 1) % layers == 0:
            stages.append({"max": nn.MaxPool2d, "avg": nn.AvgPool2d}[options.pooling](3, 2, 1))
            size = shrunk(size)
    features = [nn.AdaptiveAvgPool2d(LAST_SIDE), nn.Flatten(), *_dropping(dropout)]
    linear = [nn.Linear(channels * LAST_SIDE**2, hidden), nn.BatchNorm1d(hidden), make_activation()]
    linear += [*_dropping(dropout), nn.Linear(hidden, num_classes)]
    return initialise(nn.Sequential(Standardize(image_shape[0]), *stages, *features, *linear), seed)


def _dropping(dropout: float) -> list[nn.Module]:
    """Keeps the names of the following layers, and so their initial weights, the same with and without dropout."""
    return dropping(dropout) or [nn.Identity()]
