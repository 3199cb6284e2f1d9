"""The multi-layer perceptron, of which architectures are variants."""

from collections.abc import Callable, Sequence
from math import prod

from torch import nn

from nnet.architectures.parts.fast import ImageLinear, Linear


def dropping(dropout: float) -> list[nn.Module]:
    """The layer of dropout, or none."""
    return [nn.Dropout(dropout)] if dropout > 0 else []


def perceptron(
    image_shape: tuple[int, int, int],
    num_classes: int,
    make_activation: Callable,
    hidden: Sequence[int],
    dropout: float = 0.0,
) -> nn.Sequential:
    """A linear layer, an activation and dropout for each size in `hidden`, on the flattened image; then the logits."""
    layers, layer, width = [], ImageLinear, prod(image_shape)
    for size in hidden:
        layers += [layer(width, size), make_activation(), *dropping(dropout)]
        layer, width = Linear, size
    return nn.Sequential(*layers, layer(width, num_classes))
