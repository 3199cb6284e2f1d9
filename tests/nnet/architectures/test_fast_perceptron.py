"""A perceptron as one node of autograd against its layers one by one."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts import fast
from nnet.architectures.parts.fast_perceptron import Perceptron
from nnet_models import build_model


@pytest.fixture(params=["oneDNN", "PyTorch"], autouse=True)
def library(request, monkeypatch):
    """Both libraries, whichever this processor would be given."""
    if request.param == "oneDNN" and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this build of PyTorch has no oneDNN")
    monkeypatch.setattr(fast, "ONEDNN", request.param == "oneDNN")


def gradients(forward, model: nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    loss = functional.cross_entropy(forward(images), torch.arange(len(images)) % 10)
    return [loss, *torch.autograd.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("repeated", [True, False])
def test_loss_and_gradients_are_those_of_the_layers_bit_for_bit(channels, repeated):
    torch.manual_seed(0)
    arch = {1: "pixel_mlp", 3: "mlp_small"}[channels]
    model = build_model(arch, image_shape=(channels, 28, 28))
    assert isinstance(model, Perceptron)
    images = torch.rand(16, 1, 28, 28).expand(-1, channels, -1, -1) if repeated else torch.rand(16, channels, 28, 28)
    ours, layers = gradients(model, model, images), gradients(lambda x: nn.Sequential.forward(model, x), model, images)
    assert all(torch.equal(one, other) for one, other in zip(ours, layers, strict=True))


def test_what_it_does_not_know_goes_layer_by_layer():
    torch.manual_seed(0)
    model = build_model("mlp_small", image_shape=(3, 28, 28))
    images = torch.rand(4, 3, 28, 28, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(images).sum(), images)
    assert gradient.abs().sum() > 0
    with torch.autocast("cpu", torch.bfloat16):
        assert model(images.detach()).dtype == torch.bfloat16
    assert model.double()(images.detach().double()).dtype == torch.float64
    for other in (build_model("mlp_small", "tanh"), build_model("mlp_small", dropout=0.5), build_model("cnn")):
        assert type(other) is nn.Sequential
