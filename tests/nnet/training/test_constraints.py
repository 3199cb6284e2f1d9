"""Weights that are clipped while they are trained, against a plain loop."""

import pytest
import torch
from torch import nn

from nnet.training.constraints import constrain
from nnet_models import build_model, train_and_evaluate
from tests.conftest import small_run


def plainly_clipped(weight: torch.Tensor) -> torch.Tensor:
    limit = 2 * weight.std().item()
    return torch.stack([value.clamp(-limit, limit) for value in weight.flatten()]).view_as(weight)


def test_weights_are_clipped_before_the_first_step_and_after_each_and_nothing_else_is():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 9), nn.BatchNorm1d(9), nn.Linear(9, 2))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.view(-1)[0] = 20.0
    expected = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    weights = ("0.weight", "2.weight")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    constrain(model, optimizer, 2.0)
    for _ in range(3):
        for name in weights:
            expected[name] = plainly_clipped(expected[name])
        assert all(torch.allclose(parameter, expected[name]) for name, parameter in model.named_parameters())
        optimizer.zero_grad()
        model(torch.randn(20, 6)).square().sum().backward()
        expected = {name: expected[name] - 0.001 * parameter.grad for name, parameter in model.named_parameters()}
        optimizer.step()


@pytest.mark.parametrize("regime", ["clean", "noisy", "sam", "beta", "awp", "adaptive"])
def test_every_regime_trains_with_clipped_weights_and_learns(npz, tmp_path, regime):
    fields = dict(regime=regime, alpha_train=0.1, epochs=4, checkpoint_dir=str(tmp_path), weight_clip=1.5)
    if regime == "adaptive":
        fields |= dict(validation_share=0.2)
    cfg = small_run(npz, **fields)
    result = train_and_evaluate(cfg)
    assert result["acc_0"] > 0.9
    free = train_and_evaluate(small_run(npz, **fields | dict(weight_clip=None, checkpoint_dir=None)))
    assert free["sha256"]["weights"] != result["sha256"]["weights"]
    for name, tensor in torch.load(cfg.weights_file)["model"].items():
        if name.endswith("weight") and "norm" not in name:
            assert (tensor.abs() == tensor.abs().max()).sum() > 1  # only what is clipped shares the largest size


def test_each_step_clips_the_convolutions_of_resnet32_and_not_its_normalisation():
    torch.manual_seed(0)
    model = build_model("resnet32", image_shape=(3, 8, 8), blocks=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    constrain(model, optimizer, 2.0)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.randn(8, 3, 8, 8)).square().sum().backward()
        free = {name: (value - 0.5 * value.grad).detach() for name, value in model.named_parameters()}
        optimizer.step()
        for name, value in model.named_parameters():
            clipped = value.dim() > 1
            expected = plainly_clipped(free[name]) if clipped else free[name]
            assert torch.allclose(value, expected, atol=1e-6), name
            assert not clipped or value.abs().max() < free[name].abs().max(), name


def test_a_network_of_equal_weights_stays_as_it_is():
    model = nn.Linear(3, 3)
    nn.init.constant_(model.weight, 0.5)
    constrain(model, torch.optim.SGD(model.parameters()), 1.0)
    assert model.weight.eq(0.5).all()
