"""A ResNet on small images, made faster on a CPU: convolutions onto few pixels, and memory orders."""

from itertools import product
from typing import cast

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from nnet.architectures.parts import fast
from nnet.processor import plain_layers

MOST_PLACES = 4
"""Output pixels of a convolution up to which single products are faster."""


def arrange_resnet(network: nn.Module) -> nn.Module:
    """Make one of torchvision's ResNets fast, and return the network.

    Convolutions become `Conv2d`. At 28 to 32 pixels the first half is faster in the memory order B×H×W×C, the second in
    B×C×H×W.
    """
    if plain_layers():
        return network
    for layer in network.modules():
        if type(layer) is nn.Conv2d:
            layer.__class__ = Conv2d
    for part in (network.conv1, network.layer1, network.layer2):
        cast(nn.Module, part).to(memory_format=torch.channels_last)
    cast(nn.Sequential, network.layer2).append(Contiguous())
    return network


class Contiguous(nn.Module):
    """Copies images to the memory order B×C×H×W, which is faster for small images with many channels."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same numbers."""
        return images.contiguous()


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`; where its output has at most four pixels, one product for each of them.

    The product leaves out the weights that lie on the padding: five of nine for a 3×3 kernel on 2×2 pixels. A ResNet-18
    on 28×28 pixels ends with such images, for which the backward pass of PyTorch takes three to ten times as long. For
    zero padding, without dilation and groups.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×in_channels×H×W to B×out_channels×H'×W'."""
        padding = cast(tuple[int, int], self.padding)  # never one of PyTorch's words
        rows, columns = map(_windows, images.shape[2:], self.kernel_size, self.stride, padding)
        places = [(of_row, of_column, row, column) for (of_row, row), (of_column, column) in product(rows, columns)]
        if len(places) > MOST_PLACES:
            return super().forward(images)
        everything, weight = slice(None), self.weight
        if len(places) == 1:
            of_row, of_column, row, column = places[0]
            (pixels,) = _Parts.apply(images, (everything, everything, of_row, of_column))
            (seen,) = _Parts.apply(weight, (everything, everything, row, column))
            return fast.linear(pixels, seen, self.bias)[:, :, None, None]
        images, weight = images.permute(0, 2, 3, 1), weight.permute(0, 2, 3, 1).contiguous()
        pixels = _Parts.apply(images, *((everything, of_row, of_column) for of_row, of_column, _, _ in places))
        seen = _Parts.apply(weight, *((everything, row, column) for _, _, row, column in places))
        outputs = [fast.linear(one, other, self.bias) for one, other in zip(pixels, seen, strict=True)]
        return torch.stack(outputs, 1).unflatten(1, (len(rows), len(columns))).permute(0, 3, 1, 2)


def _windows(size: int, kernel: int, stride: int, padding: int) -> list[tuple[slice, slice]]:
    """For each output pixel of one dimension: the input pixels that it sees, and the part of the kernel on them."""
    return [
        (
            slice(max(start, 0), max(0, min(start + kernel, size))),
            slice(max(-start, 0), max(0, min(kernel, size - start))),
        )
        for start in range(-padding, size + padding - kernel + 1, stride)
    ]


class _Parts(torch.autograd.Function):
    """`tensor[part].flatten(1)` for each part; all gradients are added into one buffer, the last part's first.

    Slices of autograd would make a gradient of full size for each part and add them in the same order.
    """

    @staticmethod
    def forward(context, tensor, *parts):
        context.shape, context.parts = tensor.shape, parts
        return tuple(tensor[part].flatten(1) for part in parts)

    @staticmethod
    @once_differentiable
    def backward(context, *gradients):
        whole = gradients[0].new_zeros(context.shape)
        views = [whole[part] for part in context.parts]
        views[-1].copy_(gradients[-1].reshape(views[-1].shape))
        for view, gradient in zip(views[-2::-1], gradients[-2::-1], strict=True):
            view.add_(gradient.reshape(view.shape))
        return whole, *(None for _ in context.parts)
