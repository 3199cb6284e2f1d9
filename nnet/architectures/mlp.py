"""Multi-layer perceptrons on the flattened image."""

from math import prod

from torch import nn

from nnet.linear import ImageLinear, Linear

CHANNELS = 3
EVALUATION_BATCH = 1000
VARIANTS = {
    "mlp_small": {"hidden": (256, 128)},
    "mlp_medium": {"hidden": (512, 256)},
    "mlp_large": {"hidden": (1024, 512, 256)},
}


def build(image_shape, num_classes, make_activation, hidden):
    """A linear layer and an activation for each size in `hidden`, the first on the flattened image; then the logits."""
    layers, layer, width = [], ImageLinear, prod(image_shape)
    for size in hidden:
        layers += [layer(width, size), make_activation()]
        layer, width = Linear, size
    return nn.Sequential(*layers, layer(width, num_classes))
