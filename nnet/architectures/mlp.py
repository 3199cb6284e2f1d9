"""Multi-layer perceptrons on the flattened image."""

from math import prod

from torch import nn

CHANNELS = 3
VARIANTS = {
    "mlp_small": {"hidden": (256, 128)},
    "mlp_medium": {"hidden": (512, 256)},
    "mlp_large": {"hidden": (1024, 512, 256)},
}


def build(image_shape, num_classes, make_activation, hidden):
    """Flatten, then a linear layer and an activation for each size in `hidden`, then a linear layer to the logits."""
    layers, width = [nn.Flatten()], prod(image_shape)
    for size in hidden:
        layers += [nn.Linear(width, size), make_activation()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, num_classes))
