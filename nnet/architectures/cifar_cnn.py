"""Convolutional networks for photographs of 32×32 pixels, for the study of adaptive noise."""

from collections import Counter, OrderedDict

from torch import nn

from nnet.architectures.parts import fast
from nnet.architectures.parts.stages import convolutional
from nnet.architectures.parts.standardize import Standardize

CHANNELS = 3
DROPOUT = True
EVALUATION_BATCH = 64
VARIANTS = {
    "baby_cnn": {"widths": (8,), "hidden": ()},
    "tiny_cnn": {"widths": (32, 64), "hidden": (128,)},
    "simple_cnn": {"widths": (256, 512, 512), "hidden": (2048, 1024, 512)},
}
NAMES = {"Conv2d": "conv", "Linear": "fc"}


def build(image_shape, num_classes, make_activation, widths, hidden, dropout=0.0):
    """Standardised pixels, a stage of convolution, activation and pooling for each of `widths`, linear layers.

    Layers with parameters are called conv1, conv2, …, fc1, fc2, …; the others by their place.
    """
    count = Counter()
    layers: OrderedDict[str, nn.Module] = OrderedDict(standardize=Standardize(image_shape[0]))
    for place, layer in enumerate(convolutional(image_shape, num_classes, make_activation, widths, hidden, dropout)):
        name = NAMES.get(type(layer).__name__, type(layer).__name__.lower())
        count[name] += 1
        layers[f"{name}{count[name]}" if list(layer.parameters()) else str(place)] = layer
    return fast.arrange(nn.Sequential(layers))
