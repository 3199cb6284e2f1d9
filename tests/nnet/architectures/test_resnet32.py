"""The ResNets for CIFAR-10 against the sizes of the paper and a plain forward pass."""

import pytest
import torch
from torch.nn import functional

from nnet.perturbations.weight_attack import WeightAttack
from nnet.perturbations.weight_noise import WeightNoise
from nnet_models import build_model


@pytest.mark.parametrize(("blocks", "parameters"), [(3, 269_722), (5, 464_154), (9, 853_018)])
def test_the_networks_have_the_sizes_of_the_paper(blocks, parameters):
    model = build_model("resnet32", image_shape=(3, 32, 32), blocks=blocks)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


@torch.no_grad()
def test_the_network_is_that_of_the_paper():
    torch.manual_seed(0)
    model = build_model("resnet32", image_shape=(3, 9, 8), blocks=2).eval()
    images = torch.rand(2, 3, 9, 8)
    state = dict(model.named_parameters())

    def convolved(x, weight, stride=1):
        x = functional.conv2d(x, weight, stride=stride, padding=1)
        return x / (1 + 1e-5) ** 0.5  # a fresh normalisation

    convolutions = iter([weight for weight in state.values() if weight.dim() == 4])
    x = convolved((images - 0) / 1, next(convolutions)).relu()
    for stage, width in enumerate((16, 32, 64)):
        for block in range(2):
            stride = 2 if stage > 0 and block == 0 else 1
            inner = convolved(x, next(convolutions), stride).relu()
            x = x[:, :, ::stride, ::stride]
            zeros = torch.zeros(2, (width - x.shape[1]) // 2, *x.shape[2:])
            x = (convolved(inner, next(convolutions)) + torch.cat([zeros, x, zeros], 1)).relu()
    expected = x.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    assert torch.allclose(model(images), expected, rtol=1e-4, atol=1e-5)


def test_noise_and_adversary_spare_normalisation():
    model = build_model("resnet32", image_shape=(3, 32, 32))
    weights = {id(value) for name, value in model.named_parameters() if value.dim() > 1}
    assert len(weights) == 32
    for perturbed in (WeightNoise(model, "range").weights, WeightAttack(model, 0.1, 3, 1e-3).parameters):
        assert {id(value) for value in perturbed} == weights


def test_initial_weights_have_the_spread_of_kaiming():
    torch.manual_seed(0)
    model = build_model("resnet32", image_shape=(3, 32, 32))
    for weight in (weight for weight in model.parameters() if weight.dim() == 4 and weight.numel() > 9000):
        assert weight.std().item() == pytest.approx((2 / weight[0].numel()) ** 0.5, rel=0.05)
