"""Faster forms of PyTorch's layers on a CPU: the same functions up to rounding, with the same names and weights.

Architecture files build networks from PyTorch's own layers and pass them to `arrange`, or to `arrange_resnet` in
`fast_convolution`. With the environment variable NNET_PLAIN=1 both return the network unchanged, so that every layer is
PyTorch's own. The last bits of results may then differ: provenance states the variable.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nnet.processor import plain_layers, processor_entry
from nnet.random.compiled import compiled

INTEL = processor_entry("vendor_id") == "GenuineIntel"
ONEDNN = not INTEL and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
"""PyTorch uses MKL for float32 products. On processors of other makers MKL does not use the AVX-512 units."""
MONOTONE = (nn.ReLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU)
"""Activations that never decrease: max-pooling before them gives the same result from fewer numbers."""


def arrange(network: nn.Sequential) -> nn.Sequential:
    """Make the layers of a sequential network fast, and return the network.

    Linear layers become `Linear`; a `Flatten` of the input and the linear layer after it become one `ImageLinear`. A
    monotone activation changes places with the max-pooling after it; a ReLU and pooling 2×2 become one `PoolReLU`.
    Convolutions use the memory order B×H×W×C.
    """
    if plain_layers():
        return network
    for layer in network:
        if type(layer) is nn.Linear:
            layer.__class__ = Linear
    for place, (layer, following) in enumerate(pairwise(network)):
        if type(layer) in MONOTONE and type(following) is nn.MaxPool2d:
            network[place], network[place + 1] = following, layer
            if type(layer) is nn.ReLU and repr(following) == repr(nn.MaxPool2d(2)):
                network[place], network[place + 1] = PoolReLU(), nn.Identity()
        elif place == 0 and type(layer) is nn.Flatten and type(following) is Linear:
            network[place] = nn.Identity()
            following.__class__ = ImageLinear
    return network.to(memory_format=torch.channels_last)


class Linear(nn.Linear):
    """`nn.Linear` whose float32 products on a CPU use the faster library, oneDNN or MKL."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """B×in_features to B×out_features."""
        return linear(inputs, self.weight, self.bias)


class ImageLinear(Linear):
    """A linear layer on images, which it flattens.

    Where all channels of the images share one memory (a channel repeated by `expand`), that channel is multiplied once,
    with the sum of the weights of all channels: a third of the work for three channels.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×C×H×W with C·H·W = in_features to B×out_features."""
        channels = images.shape[1]
        if channels == 1 or images.stride(1) != 0:
            return linear(images.flatten(1), self.weight, self.bias)
        weight = _SumOfParts.apply(self.weight, channels)
        return linear(images[:, 0].flatten(1), weight, self.bias)


class PoolReLU(nn.Module):
    """Max-pooling 2×2 and ReLU in one pass over the memory, the same bits in half the time; for one thread.

    PyTorch reads the images, fills their gradient with zeros and writes it again by 64-bit indices.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×C×H×W to B×C×⌊H/2⌋×⌊W/2⌋."""
        ours = images.device.type == "cpu" and images.dtype == torch.float32 and torch.get_num_threads() == 1
        if ours and images.is_contiguous(memory_format=torch.channels_last):
            return _PoolReLU.apply(images)
        return functional.relu(functional.max_pool2d(images, 2))


def linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """`functional.linear` on B×in_features."""
    on_cpu = inputs.device.type == weight.device.type == "cpu"
    if ONEDNN and on_cpu and inputs.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
        return _Product.apply(inputs, weight, bias)
    return functional.linear(inputs, weight, bias)


class _SumOfParts(torch.autograd.Function):
    """O×(P·I) to O×I: like `Tensor.sum`, which takes three times as long."""

    @staticmethod
    def forward(context, weight, parts):
        context.parts = parts
        first, *others = weight.view(len(weight), parts, -1).unbind(1)
        total = first + others[0]
        for other in others[1:]:
            total += other
        return total

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        return gradient.repeat(1, context.parts), None


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(context, inputs, weight, bias):
        inputs, weight = inputs.contiguous(), weight.contiguous()
        context.save_for_backward(inputs, weight)
        return _multiply(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        inputs, weight = context.saved_tensors
        needs_inputs, needs_weight, needs_bias = context.needs_input_grad
        gradient = gradient.contiguous()
        return (
            _multiply(gradient, weight.t()) if needs_inputs else None,
            _multiply(gradient.t(), inputs.t()) if needs_weight else None,
            gradient.sum(0) if needs_bias else None,
        )


def _multiply(a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """a bᵀ + bias; both must have a stride of 1 in one dimension, or it takes a hundred times as long."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


class _PoolReLU(torch.autograd.Function):
    @staticmethod
    def forward(context, images):
        batch, channels, height, width = context.shape = images.shape
        largest = torch.empty(batch, height // 2, width // 2, channels)
        context.chosen = np.empty(largest.shape, np.uint8)
        _pool(images.detach().permute(0, 2, 3, 1).numpy(), largest.numpy(), context.chosen)
        return largest.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        batch, channels, height, width = context.shape
        spread = (torch.zeros if height % 2 or width % 2 else torch.empty)(batch, height, width, channels)
        _spread(gradient.permute(0, 2, 3, 1).contiguous().numpy(), context.chosen, spread.numpy())
        return spread.permute(0, 3, 1, 2)


@compiled
def _pool(images, largest, chosen):
    """The largest number above 0 of four, and its place: 4 if there is none. NaN is larger than any, as in PyTorch."""
    batch, height, width, channels = largest.shape
    for image in range(batch):
        for row in range(height):
            for column in range(width):
                for channel in range(channels):
                    most, which = np.float32(0), np.uint8(4)
                    for place in range(4):
                        number = images[image, 2 * row + place // 2, 2 * column + place % 2, channel]
                        larger = number > most or number != number
                        most, which = (number, np.uint8(place)) if larger else (most, which)
                    largest[image, row, column, channel], chosen[image, row, column, channel] = most, which


@compiled
def _spread(gradient, chosen, spread):
    batch, height, width, channels = gradient.shape
    for image in range(batch):
        for row in range(height):
            for column in range(width):
                for place in range(4):
                    for channel in range(channels):
                        here = chosen[image, row, column, channel] == np.uint8(place)
                        number = gradient[image, row, column, channel] if here else np.float32(0)
                        spread[image, 2 * row + place // 2, 2 * column + place % 2, channel] = number
