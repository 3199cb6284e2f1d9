"""The multi-layer perceptron; architectures are variants of it."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from math import prod

from torch import nn

from nnet.architectures.parts import fast, fast_perceptron


def dropping(dropout: float) -> list[nn.Module]:
    """A dropout layer, or nothing at `dropout` 0."""
    return [nn.Dropout(dropout)] if dropout > 0 else []


def perceptron(
    image_shape: tuple[int, int, int],
    num_classes: int,
    make_activation: Callable,
    hidden: Sequence[int],
    dropout: float = 0.0,
) -> nn.Sequential:
    """A linear layer, an activation and dropout for each size in `hidden`, on the flattened image; then the logits."""
    layers, size = [], prod(image_shape)
    for width in hidden:
        layers += [nn.Linear(size, width), make_activation(), *dropping(dropout)]
        size = width
    layers.append(nn.Linear(size, num_classes))
    named = {str(number): layer for number, layer in enumerate(layers)}
    return fast_perceptron.join(fast.arrange(nn.Sequential(OrderedDict(flatten=nn.Flatten(), **named))))
