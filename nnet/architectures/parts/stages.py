"""Convolutional networks made of stages: convolution, activation, pooling."""

from collections.abc import Callable, Sequence

from torch import nn

from nnet.architectures.parts.perceptron import dropping
from nnet.checks import ConfigError


def convolutional(
    image_shape: tuple[int, int, int],
    num_classes: int,
    make_activation: Callable,
    widths: Sequence[int],
    hidden: Sequence[int] = (),
    dropout: float = 0.0,
) -> list[nn.Module]:
    """The layers of a network: `pooled_stages`, a linear layer and an activation for each of `hidden`, the logits.

    Dropout applies to the flattened images and to the hidden values.
    """
    size = widths[-1] * pooled_size(image_shape, len(widths))
    layers = [*pooled_stages(image_shape[0], widths, make_activation), nn.Flatten(), *dropping(dropout)]
    for width in hidden:
        layers += [nn.Linear(size, width), make_activation(), *dropping(dropout)]
        size = width
    return [*layers, nn.Linear(size, num_classes)]


def pooled_stages(channels: int, widths: Sequence[int], make_activation: Callable) -> list[nn.Module]:
    """For each of `widths`: a convolution 3×3 with padding 1 to that many channels, activation, max-pooling 2×2."""
    layers = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1), make_activation(), nn.MaxPool2d(2)]
        channels = width
    return layers


def pooled_size(image_shape: tuple[int, int, int], stages: int) -> int:
    """The number of pixels after `stages` of `pooled_stages`. Raises ConfigError where none is left."""
    _, height, width = image_shape
    smallest = 2**stages
    if min(height, width) < smallest:
        raise ConfigError(
            f"a network that halves its images {stages} times needs at least {smallest}×{smallest} pixels; "
            f"these have {height}×{width}"
        )
    return (height // smallest) * (width // smallest)
