"""Linear layers that are fast on a CPU: the same function as `nn.Linear`, up to rounding."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nnet.record.processor import is_intel

ONEDNN = not is_intel() and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
"""PyTorch leaves float32 products to MKL, which does not use the AVX-512 units of processors that are not Intel's."""


class Linear(nn.Linear):
    """`nn.Linear` whose float32 products on a CPU are left to the faster library, oneDNN or MKL."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """B×in_features to B×out_features."""
        return linear(inputs, self.weight, self.bias)


class ImageLinear(Linear):
    """A linear layer on flattened images.

    Where the channels of the images are one and the same memory (a channel that was repeated by `expand`), that
    channel is multiplied once, with the sum of the weights of all of them: a third of the work for three.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×C×H×W with C·H·W = in_features to B×out_features."""
        channels = images.shape[1]
        if channels == 1 or images.stride(1) != 0:
            return linear(images.flatten(1), self.weight, self.bias)
        weight = _SumOfParts.apply(self.weight, channels)
        return linear(images[:, 0].flatten(1), weight, self.bias)


def linear(inputs: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """`functional.linear` on B×in_features."""
    on_cpu = inputs.device.type == weight.device.type == "cpu"
    if ONEDNN and on_cpu and inputs.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu"):
        return _Product.apply(inputs, weight, bias)
    return functional.linear(inputs, weight, bias)


class _SumOfParts(torch.autograd.Function):
    """O×(P·I) to O×I: what `Tensor.sum` does, which takes three times as long."""

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
    """a bᵀ + bias; a stride that is not 1 in both dimensions would take a hundred times as long."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")
