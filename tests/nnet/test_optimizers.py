"""Optimizers by name: those of torch.optim, with the arguments that their table states."""

import inspect

import pytest
import torch

from nnet.optimizers import OPTIMIZERS


def steps(build) -> torch.Tensor:
    """A parameter after three steps of descent on a fixed objective."""
    parameter = torch.nn.Parameter(torch.linspace(-1, 1, 50))
    optimizer = build([parameter])
    for _ in range(3):
        optimizer.zero_grad()
        parameter.pow(4).sum().backward()
        optimizer.step()
    return parameter.detach()


PLAIN = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01, weight_decay=0.1, fused=True),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("name", PLAIN)
def test_the_published_optimizers_are_pytorchs_bit_for_bit(name):
    built = steps(lambda parameters: OPTIMIZERS[name].build(parameters, lr=0.01, weight_decay=0.1))
    assert torch.equal(built, steps(PLAIN[name]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_takes_every_setting_of_a_run_and_descends(name):
    optimizer = OPTIMIZERS[name]
    momentum = {"momentum": 0.9, "nesterov": True} if optimizer.has_momentum else {}
    after = steps(lambda parameters: optimizer.build(parameters, lr=0.01, weight_decay=0.0, **momentum))
    assert after.pow(4).sum() < torch.linspace(-1, 1, 50).pow(4).sum()
    accepted = inspect.signature(getattr(torch.optim, optimizer.kind)).parameters
    assert optimizer.has_momentum == ({"momentum", "nesterov"} <= accepted.keys())
