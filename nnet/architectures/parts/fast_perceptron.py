"""A training step of a perceptron as one node of autograd: the same bits as layer by layer, with less overhead."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from nnet.architectures.parts import fast


def join(network: nn.Sequential) -> nn.Sequential:
    """Make the layers one node where they are fast linear layers with ReLU between them, and return the network."""
    kinds = [type(layer) for layer in network]
    count = kinds.count(fast.Linear)
    if kinds == [nn.Identity, fast.ImageLinear, *count * (nn.ReLU, fast.Linear)]:
        network.__class__ = Perceptron
    return network


class Perceptron(nn.Sequential):
    """`nn.Sequential`; in training in float32 on a CPU its layers are computed together, and their hooks do not run."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×C×H×W to B×classes."""
        if not (self.training and torch.is_grad_enabled()):
            return super().forward(images)
        parameters = list(self.parameters())
        tensors = (images, *parameters)
        usual = all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)
        if not usual or images.requires_grad or torch.is_autocast_enabled("cpu"):
            return super().forward(images)
        return _Perceptron.apply(images, *parameters)


class _Perceptron(torch.autograd.Function):
    @staticmethod
    def forward(context, images, *parameters):
        first, *others = parameters[::2]
        context.channels = images.shape[1] if images.shape[1] > 1 and images.stride(1) == 0 else 1
        if context.channels > 1:
            images, first = images[:, 0], fast._SumOfParts.apply(first, context.channels)
        values = [images.flatten(1)]
        for weight, bias in zip((first, *others), parameters[1::2], strict=True):
            values.append(_multiply(values[-1].relu_() if len(values) > 1 else values[0], weight, bias))
        context.save_for_backward(*values[:-1], *others)
        return values[-1]

    @staticmethod
    @once_differentiable
    def backward(context, gradient):
        count = len(context.saved_tensors) // 2
        values, weights = context.saved_tensors[: count + 1], context.saved_tensors[count + 1 :]
        gradients = []
        for place in range(count, -1, -1):
            gradient = gradient.contiguous()
            gradients += [gradient.sum(0), _multiply(gradient.t(), values[place].t())]
            if place > 0:
                gradient = _multiply(gradient, weights[place - 1].t())
                gradient = torch.ops.aten.threshold_backward(gradient, values[place], 0)
        gradients[-1] = gradients[-1].repeat(1, context.channels)
        return None, *reversed(gradients)


def _multiply(a: torch.Tensor, b: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """a bᵀ + bias with the library of `fast.linear`."""
    return fast._multiply(a, b, bias) if fast.ONEDNN else functional.linear(a, b, bias)
