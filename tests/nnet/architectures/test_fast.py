"""The linear layers against PyTorch's."""

import pytest
import torch
from torch import nn
from torch.nn import functional

import nnet.architectures.parts.fast
from nnet.architectures.parts.fast import ImageLinear, Linear, linear

TOLERANCE = {torch.float32: dict(rtol=2e-5, atol=2e-5), torch.float64: dict(rtol=1e-12, atol=1e-12)}


@pytest.fixture(params=["oneDNN", "PyTorch"], autouse=True)
def library(request, monkeypatch):
    """Both libraries, whichever this processor would be given."""
    if request.param == "oneDNN" and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this build of PyTorch has no oneDNN")
    monkeypatch.setattr(nnet.architectures.parts.fast, "ONEDNN", request.param == "oneDNN")


def gradients(outputs, *inputs):
    torch.manual_seed(1)
    return torch.autograd.grad((outputs * torch.randn(outputs.shape, dtype=outputs.dtype)).sum(), inputs)


def assert_alike(ours, plain):
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, **TOLERANCE[other.dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(128, 300, 70), (1, 5, 1), (7, 1, 3), (33, 17, 10)])
def test_outputs_and_gradients_are_those_of_pytorch(size, bias, dtype):
    batch, inputs, outputs = size
    layer = Linear(inputs, outputs, bias=bias, dtype=dtype)
    x = torch.randn(batch, inputs, dtype=dtype, requires_grad=True)
    ours, plain = layer(x), functional.linear(x, layer.weight, layer.bias)
    assert_alike([ours], [plain])
    assert_alike(gradients(ours, x, *layer.parameters()), gradients(plain, x, *layer.parameters()))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_repeated_channels_are_multiplied_as_if_each_were_its_own(channels, dtype):
    layer = ImageLinear(channels * 63, 20, dtype=dtype)
    image = torch.rand(16, 1, 7, 9, dtype=dtype, requires_grad=True)
    repeated = image.expand(-1, channels, -1, -1)
    copied = image.repeat(1, channels, 1, 1)
    plain = functional.linear(copied.flatten(1), layer.weight, layer.bias)
    expected = gradients(plain, image, *layer.parameters())
    for images in (repeated, copied):
        assert_alike([layer(images)], [plain])
        assert_alike(gradients(layer(images), image, *layer.parameters()), expected)


def test_channels_that_differ_are_not_taken_for_one():
    layer = ImageLinear(3 * 16, 5)
    images = torch.rand(8, 3, 4, 4)
    assert_alike([layer(images)], [functional.linear(images.flatten(1), layer.weight, layer.bias)])


def test_any_order_of_memory_will_do():
    x, weight = torch.randn(20, 30, 2)[:, :, 0], torch.randn(30, 10, 3)[:, :, 1].t()
    x.requires_grad_()
    ours, plain = linear(x, weight, None), functional.linear(x, weight)
    assert_alike([ours], [plain])
    assert_alike(torch.autograd.grad(ours.sum(), x), torch.autograd.grad(plain.sum(), x))


def test_it_is_a_linear_layer_with_pytorchs_initialisation():
    torch.manual_seed(3)
    plain = nn.Linear(40, 10)
    torch.manual_seed(3)
    ours = Linear(40, 10)
    assert isinstance(ours, nn.Linear) and list(ours.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(ours.parameters(), plain.parameters(), strict=True))


def test_autocast_makes_it_bfloat16():
    layer, x = Linear(30, 10), torch.randn(8, 30)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer(x)
    assert outputs.dtype == torch.bfloat16
    torch.testing.assert_close(outputs.float(), layer(x), rtol=0.05, atol=0.05)
