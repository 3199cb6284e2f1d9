"""The convolution against PyTorch's, where it takes a way of its own and where it does not."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts import fast
from nnet.architectures.parts.fast import PoolReLU
from nnet.architectures.parts.fast_convolution import MOST_PLACES, Conv2d, _Parts

SHAPES = [
    (size, kernel, stride, padding)
    for size, kernel, stride, padding in itertools.product(
        [(1, 1), (2, 2), (1, 2), (3, 1), (4, 4), (5, 5)],
        [(1, 1), (3, 3), (7, 7), (3, 1)],
        [1, 2],
        [(0, 0), (1, 1), (3, 0), (4, 4)],
    )
    if all(pixels + 2 * pad >= length for pixels, length, pad in zip(size, kernel, padding, strict=True))
]


@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_those_of_pytorch(bias):
    torch.manual_seed(0)
    few = 0
    for size, kernel, stride, padding in SHAPES:
        layer = Conv2d(3, 4, kernel, stride, padding, bias=bias, dtype=torch.float64)
        images = torch.rand(5, 3, *size, dtype=torch.float64, requires_grad=True)
        plain = functional.conv2d(images, layer.weight, layer.bias, stride, padding)
        ours = layer(images)
        few += plain.shape[2:].numel() <= MOST_PLACES
        torch.testing.assert_close(ours, plain, rtol=1e-12, atol=1e-12)
        weighting = torch.rand_like(plain)
        expected = torch.autograd.grad((plain * weighting).sum(), (images, *layer.parameters()))
        for one, other in zip(
            torch.autograd.grad((ours * weighting).sum(), (images, *layer.parameters())), expected, strict=True
        ):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    assert few > 10 and len(SHAPES) - few > 10


@pytest.mark.parametrize("library", ["oneDNN", "PyTorch"])
@pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_single_precision_agrees_to_rounding(side, stride, library, monkeypatch):
    if library == "oneDNN" and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this build of PyTorch has no oneDNN")
    monkeypatch.setattr(fast, "ONEDNN", library == "oneDNN")
    torch.manual_seed(0)
    layer = Conv2d(64, 32, 3, stride, padding=1)
    images = torch.rand(16, 64, side, side, requires_grad=True)
    plain = functional.conv2d(images, layer.weight, layer.bias, stride, 1)
    ours, weighting = layer(images), torch.rand_like(plain)
    torch.testing.assert_close(ours, plain, rtol=1e-5, atol=1e-5)
    inputs = (images, *layer.parameters())
    expected = torch.autograd.grad((plain * weighting).sum(), inputs)
    for one, other in zip(torch.autograd.grad((ours * weighting).sum(), inputs), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(6, 3, 3, 5), (4, 2, 2, 7)])
def test_parts_of_a_tensor_have_the_gradients_of_slices(shape):
    torch.manual_seed(0)
    tensor = torch.randn(shape, requires_grad=True)
    near = (slice(0, 2), slice(1, shape[1]))
    places = [(slice(None), *place) for place in itertools.product(near, near)]
    weightings = [torch.randn_like(tensor[place]).flatten(1) for place in places]
    plain = [tensor[place].flatten(1) for place in places]
    ours = _Parts.apply(tensor, *places)
    assert all(map(torch.equal, ours, plain))
    gradients = [
        torch.autograd.grad(sum((one * other).sum() for one, other in zip(parts, weightings, strict=True)), tensor)[0]
        for parts in (ours, plain)
    ]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (3, 2)])
def test_pooling_and_relu_in_one_pass_give_pytorchs_bits(size, threads, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    torch.manual_seed(0)
    images = torch.randn(6, 20, *size).mul_(2).round_()  # many of equal size
    images[0, 0, 0, 0], images[1, 1, 1, 1], images[2, 2, 0, 1] = torch.nan, torch.inf, -torch.inf
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()
    plain, ours = functional.relu(functional.max_pool2d(images, 2)), PoolReLU()(images)
    torch.testing.assert_close(ours, plain, rtol=0, atol=0, equal_nan=True)
    gradient = torch.randn_like(plain)
    expected, found = (torch.autograd.grad(outputs, images, gradient)[0] for outputs in (plain, ours))
    assert torch.equal(found, expected)


def test_other_poolings_and_activations_stay_pytorchs():
    pools = [nn.MaxPool2d(2), nn.MaxPool2d(3), nn.MaxPool2d(2, 1), nn.MaxPool2d(2, ceil_mode=True)]
    networks = [fast.arrange(nn.Sequential(nn.ReLU(), pool)) for pool in pools]
    networks.append(fast.arrange(nn.Sequential(nn.Tanh(), nn.MaxPool2d(2))))
    assert [any(isinstance(layer, PoolReLU) for layer in network) for network in networks] == [True] + 4 * [False]
