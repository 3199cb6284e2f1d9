"""The convolution against PyTorch's, where it takes a way of its own and where it does not."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts.fast import Conv2d

SHAPES = [
    (size, kernel, stride, padding)
    for size, kernel, stride, padding in itertools.product(
        [(1, 1), (2, 2), (1, 2), (3, 1), (4, 4), (5, 5)],
        [(1, 1), (3, 3), (7, 7), (3, 1)],
        [1, 2],
        [(0, 0), (1, 1), (3, 0)],
    )
    if all(pixels + 2 * pad >= length for pixels, length, pad in zip(size, kernel, padding, strict=True))
]


@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_those_of_pytorch(bias):
    torch.manual_seed(0)
    single = 0
    for size, kernel, stride, padding in SHAPES:
        layer = Conv2d(3, 4, kernel, stride, padding, bias=bias, dtype=torch.float64)
        images = torch.rand(5, 3, *size, dtype=torch.float64, requires_grad=True)
        plain = functional.conv2d(images, layer.weight, layer.bias, stride, padding)
        ours = layer(images)
        single += plain.shape[2:] == (1, 1)
        torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
        weighting = torch.rand_like(plain)
        expected = torch.autograd.grad((plain * weighting).sum(), (images, *layer.parameters()))
        for one, other in zip(
            torch.autograd.grad((ours * weighting).sum(), (images, *layer.parameters())), expected, strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert single > 10 and len(SHAPES) - single > 10


def test_single_precision_agrees_to_rounding():
    torch.manual_seed(0)
    layer = Conv2d(64, 32, 3, padding=1)
    images = torch.rand(16, 64, 1, 1)
    torch.testing.assert_close(layer(images), nn.functional.conv2d(images, layer.weight, layer.bias, padding=1))
