"""Sums over masks that are taken in parts, against all at once."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.activations import get_activation
from nnet.architectures.parts import masks
from nnet.architectures.parts.masks import combined
from tests.nnet.architectures.test_architectures import PLAIN


@pytest.mark.parametrize("most", [1, 30, 500, 10**6])
@pytest.mark.parametrize(("channels", "width", "unique"), [(3, 6, True), (4, 4, False), (1, 5, True)])
@pytest.mark.parametrize("activation", ["relu", "prelu", "tanh"])
def test_the_sums_in_parts_equal_all_at_once_in_value_and_gradient(
    monkeypatch, most, channels, width, unique, activation
):
    monkeypatch.setattr(masks, "MOST_NUMBERS", most)
    act = get_activation(activation)().double()
    torch.manual_seed(0)
    x = torch.randn(5, channels, 4, 3, dtype=torch.float64, requires_grad=True)
    noise = torch.randn(1, channels if unique else 1, 7, 4, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(width, 7, 1, 1, dtype=torch.float64, requires_grad=True)
    slope = list(act.parameters())
    sums = PLAIN[activation](x[:, :, None] + 0.3 * noise) if not slope else act(x[:, :, None] + 0.3 * noise)
    plain = functional.conv2d(sums.flatten(1, 2), weight, groups=channels)
    above = torch.randn_like(plain)
    results = []
    for outputs in (combined(x, noise, weight, 0.3, act), plain):
        results.append([outputs, *torch.autograd.grad(outputs, [x, noise, weight, *slope], above)])
    torch.testing.assert_close(*results, rtol=1e-12, atol=1e-12)


def test_in_parts_only_parts_are_in_memory(monkeypatch):
    sizes = []

    def watched(sums):
        sizes.append(sums.numel())
        return sums.relu()

    monkeypatch.setattr(masks, "MOST_NUMBERS", 1000)
    x = torch.randn(6, 4, 5, 5, requires_grad=True)
    outputs = combined(x, torch.randn(1, 4, 16, 5, 5), torch.randn(8, 16, 1, 1), 0.5, watched)
    kept = set()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.add(tensor.numel()) or tensor, lambda t: t):
        outputs = combined(x, torch.randn(1, 4, 16, 5, 5), torch.randn(8, 16, 1, 1), 0.5, watched)
    before = len(sizes)
    outputs.sum().backward()
    assert max(sizes) <= 1000 and len(sizes) == before + 6 * 2
    assert not kept or max(kept) <= 1000


def test_activations_that_draw_are_drawn_again_in_the_backward_pass(monkeypatch):
    monkeypatch.setattr(masks, "MOST_NUMBERS", 500)
    x = -torch.rand(4, 3, 5, 5, dtype=torch.float64) - 1
    x.requires_grad_()
    weight = torch.ones(3, 8, 1, 1, dtype=torch.float64)
    outputs = combined(x, torch.zeros(1, 3, 8, 5, 5, dtype=torch.float64), weight, 1.0, nn.RReLU())
    (gradient,) = torch.autograd.grad(outputs.sum(), x)  # Σ_m slope_m, and the output is x·Σ_m slope_m
    torch.testing.assert_close(gradient * x, outputs)
