"""ResNet-18 of perturbation layers: noise masks and convolutions 1×1 replace convolutions 3×3.

Juefei-Xu, Boddeti and Savvides 2018 (CVPR), in the form of the later reproduction, corrected: it trains with every
activation, takes images of every size, and has its masks from the beginning.
"""

from torch import nn

from nnet.architectures.parts.initialise import draw_seed, initialise
from nnet.architectures.parts.mask_options import Options
from nnet.architectures.parts.masks import layer
from nnet.architectures.parts.residual import pooled, shrunk, stages
from nnet.architectures.parts.standardize import Standardize

CHANNELS = 1
EVALUATION_BATCH = 32
NOT_NOISED = ("*.noise",)  # masks are added to the input of a layer


def build(image_shape, num_classes, make_activation, options: Options):
    """Standardised pixels, a first layer, four stages of two blocks, each of two layers with pooling between them.

    A branch ends with an activation before the sum, and every block ends with a ReLU after it.
    """
    seed = draw_seed()
    channels, *size = image_shape
    options.check_channels(channels)
    first = [layer(channels, options.nfilters, size, make_activation, options, first=True)]
    if options.first_filter_size == 7:
        first.append(nn.MaxPool2d(3, 2, 1))
        size = shrunk(shrunk(size))

    def branch(channels, width, size, stride):
        one = layer(channels, width, size, make_activation, options)
        other = layer(width, width, shrunk(size, stride), make_activation, options)
        return nn.Sequential(one, *pooled(options.pooling, stride), other)

    blocks = stages(options.nfilters, size, num_classes, branch)
    return initialise(nn.Sequential(Standardize(channels), *first, *blocks), seed)
