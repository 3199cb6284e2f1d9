"""NNET_PLAIN=1: every layer is PyTorch's own, and every architecture computes and learns the same."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts import fast, fast_convolution
from nnet.architectures.parts.fast_perceptron import Perceptron
from nnet.record import provenance
from nnet_models import ARCH_NAMES, build_model
from tests.conftest import sample_shape

FAST = (fast.Linear, fast_convolution.Conv2d, fast.PoolReLU, fast_convolution.Contiguous, Perceptron)
BATCH = 8
STEPS = {torch.float64: 2, torch.float32: 1}
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Relative to the largest number of a tensor, at least 1. Sums are rounded in another order, by 10⁻¹⁶ or 6·10⁻⁸ per
operation; batch normalisation of eight numbers in up to 20 layers amplifies that by a thousand in each step."""


def network(arch: str, dtype: torch.dtype) -> nn.Module:
    torch.manual_seed(0)
    return build_model(arch, image_shape=sample_shape(arch)).to(dtype)


def trained(model: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Losses of a few steps of sgd, on a repeated channel or on sequences, and the network's state after them."""
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    losses = []
    for _ in range(STEPS[dtype]):
        samples = torch.rand(BATCH, *((1, *shape[1:]) if len(shape) == 3 else shape), dtype=dtype)
        loss = functional.cross_entropy(model(samples.expand(BATCH, *shape)), torch.arange(BATCH) % 10)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return {"losses": torch.stack(losses), **model.state_dict()}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_every_architecture_learns_the_same_with_plain_layers(arch, dtype, monkeypatch):
    quick = network(arch, dtype)
    initial = copy.deepcopy(quick.state_dict())
    results = trained(quick, sample_shape(arch), dtype)
    monkeypatch.setenv("NNET_PLAIN", "1")
    plain = network(arch, dtype)
    assert not any(isinstance(layer, FAST) for layer in plain.modules())
    assert all(parameter.is_contiguous() for parameter in plain.parameters())
    assert list(initial) == list(plain.state_dict())
    assert all(torch.equal(initial[name], parameter) for name, parameter in plain.named_parameters())
    expected = trained(plain, sample_shape(arch), dtype)
    for name, tensor in expected.items():
        difference = (results[name] - tensor).abs().max().item()
        assert difference <= TOLERANCE[dtype] * max(1.0, tensor.abs().max().item()), name


def test_provenance_states_plain_layers_only_where_they_are_asked_for(monkeypatch):
    device = torch.device("cpu")
    assert "NNET_PLAIN" not in provenance.machine(device)
    monkeypatch.setenv("NNET_PLAIN", "1")
    assert provenance.machine(device)["NNET_PLAIN"] is True
