"""The multi-layer perceptron, of which architectures are variants."""

from collections.abc import Callable, Sequence
from math import prod

from torch import nn

from nnet.linear import ImageLinear, Linear


def perceptron(
    image_shape: tuple[int, int, int], num_classes: int, make_activation: Callable, hidden: Sequence[int]
) -> nn.Sequential:
    """A linear layer and an activation for each size in `hidden`, the first on the flattened image; then the logits."""
    layers, layer, width = [], ImageLinear, prod(image_shape)
    for size in hidden:
        layers += [layer(width, size), make_activation()]
        layer, width = Linear, size
    return nn.Sequential(*layers, layer(width, num_classes))
