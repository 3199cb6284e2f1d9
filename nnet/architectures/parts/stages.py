"""Convolutions, and stages of convolution and pooling, that are fast on a CPU: the same functions up to rounding."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from nnet.activations import is_monotone
from nnet.architectures.parts.fast import Linear, linear
from nnet.architectures.parts.perceptron import dropping
from nnet.checks import ConfigError


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`; where a single pixel comes out, the product of the image and the weights that lie on it.

    The other weights lie on the padding. A ResNet-18 on 28×28 pixels ends with 3×3 kernels on single pixels, where
    eight of nine weights do nothing and the backward pass of PyTorch takes ten times as long as it must.
    For zero padding, without dilation and groups.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×in_channels×H×W to B×out_channels×H'×W'."""
        places = zip(images.shape[2:], self.kernel_size, self.padding, self.stride, strict=True)
        if any((size + 2 * padding - kernel) // stride > 0 for size, kernel, padding, stride in places):
            return super().forward(images)
        (top, left), (height, width) = self.padding, images.shape[2:]
        weight = self.weight[:, :, top : top + height, left : left + width]
        images = images[:, :, : weight.shape[2], : weight.shape[3]]
        return linear(images.flatten(1), weight.flatten(1), self.bias)[:, :, None, None]


class Contiguous(nn.Module):
    """Brings images into the order of memory B×C×H×W, which suits small images with many channels better."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same numbers."""
        return images.contiguous()


def pooled_stages(channels: int, widths: Sequence[int], make_activation: Callable) -> list[nn.Module]:
    """For each of `widths`: a convolution 3×3 with padding 1 to so many channels, activation, max-pooling 2."""
    layers = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, padding=1), *pooled(make_activation)]
        channels = width
    return layers


def pooled(make_activation: Callable, size: int = 2) -> list[nn.Module]:
    """An activation, then max-pooling; a monotone one comes after it: the same function on fewer numbers."""
    activation = make_activation()
    return [nn.MaxPool2d(size), activation] if is_monotone(activation) else [activation, nn.MaxPool2d(size)]


def convolutional(
    image_shape: tuple[int, int, int],
    num_classes: int,
    make_activation: Callable,
    widths: Sequence[int],
    hidden: Sequence[int] = (),
    dropout: float = 0.0,
) -> list[nn.Module]:
    """The layers of a network: `pooled_stages`, a linear layer and an activation for each of `hidden`, the logits.

    With dropout of the flattened and the hidden values.
    """
    size = widths[-1] * pooled_size(image_shape, len(widths))
    layers = [*pooled_stages(image_shape[0], widths, make_activation), nn.Flatten(), *dropping(dropout)]
    for width in hidden:
        layers += [Linear(size, width), make_activation(), *dropping(dropout)]
        size = width
    return [*layers, Linear(size, num_classes)]


def pooled_size(image_shape: tuple[int, int, int], stages: int) -> int:
    """Pixels that are left of an image after so many `pooled_stages`. Raises ConfigError where none is."""
    _, height, width = image_shape
    smallest = 2**stages
    if min(height, width) < smallest:
        raise ConfigError(
            f"a network that halves its images {stages} times needs at least {smallest}×{smallest} pixels; "
            f"these have {height}×{width}"
        )
    return (height // smallest) * (width // smallest)


def arrange_resnet(network: nn.Module) -> None:
    """Give one of torchvision's ResNets the convolutions and the orders of memory that are faster on a CPU.

    At 28 to 32 pixels the first half is faster in the order B×H×W×C, the second in B×C×H×W.
    """
    for layer in network.modules():
        if type(layer) is nn.Conv2d:
            layer.__class__ = Conv2d
    for part in (network.conv1, network.layer1, network.layer2):
        part.to(memory_format=torch.channels_last)
    network.layer2.append(Contiguous())
