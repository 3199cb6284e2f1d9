import pytest
import torch
from torch import nn

from nnet.perturbations.magnitude import standard_deviation
from nnet.perturbations.tensors import weight_tensors
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams
from nnet_models import ARCH_NAMES, build_model
from tests.conftest import sample_shape


def mixed() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.Flatten(), nn.LazyLinear(6), nn.LayerNorm(6),
        nn.PReLU(), nn.Linear(6, 2),
    )  # fmt: skip


def test_weights_of_all_but_normalisation_layers_are_chosen():
    model = mixed()
    model(torch.rand(2, 3, 8, 8))
    expected = [model[0].weight, model[4].weight, model[6].weight, model[7].weight]
    assert [id(weight) for weight in weight_tensors(model)] == [id(weight) for weight in expected]


def test_a_shared_weight_is_chosen_once():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert len(weight_tensors(model)) == 1


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (
            nn.LSTM(3, 4, 2, proj_size=2),
            [f"weight_{part}_l{number}" for number in (0, 1) for part in ("ih", "hh", "hr")],
        ),
        (
            nn.GRU(3, 4, bidirectional=True),
            ["weight_ih_l0", "weight_hh_l0", "weight_ih_l0_reverse", "weight_hh_l0_reverse"],
        ),
        (nn.MultiheadAttention(4, 2), ["in_proj_weight", "out_proj.weight"]),
        (nn.MultiheadAttention(4, 2, kdim=3), ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"]),
    ],
)
def test_all_weights_of_recurrent_and_attention_layers_are_chosen(layer, expected):
    names = {id(parameter): name for name, parameter in layer.named_parameters()}
    assert [names[id(weight)] for weight in weight_tensors(layer)] == expected


@pytest.mark.parametrize("arch", ARCH_NAMES)
def test_of_every_architecture_the_parameters_named_weight_are_chosen(arch):
    model = build_model(arch, image_shape=sample_shape(arch))
    layers = [module for module in model.modules() if not isinstance(module, nn.modules.batchnorm._NormBase)]
    named = [pair for layer in layers for pair in layer.named_parameters(recurse=False)]
    expected = [id(parameter) for name, parameter in named if name.startswith("weight")]
    assert [id(weight) for weight in weight_tensors(model)] == expected


@pytest.mark.parametrize("alpha", [0.05, 0.5])
def test_tensor_std_noise_has_the_stated_standard_deviation(alpha):
    torch.manual_seed(0)
    model = nn.Linear(1000, 1000)
    clean = model.weight.detach().clone()
    noise = WeightNoise(model, "tensor_std")
    noise.draw(streams.normals(0, "weight_noise", 1))
    with noise.applied(alpha):
        epsilon = (model.weight - clean).detach().double()
    expected = alpha * clean.double().std()
    assert abs(epsilon.std() / expected - 1) < 0.01
    assert abs(epsilon.mean()) < 4 * expected / 1000
    assert abs(torch.corrcoef(torch.stack([epsilon.flatten(), clean.double().flatten()]))[0, 1]) < 0.005


def test_magnitude_noise_is_relative_to_each_weight():
    model = nn.Linear(1000, 1000, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([0.0, 1.0, -5.0, 20.0]).repeat(250_000).reshape(1000, 1000))
    clean = model.weight.detach().clone()
    noise = WeightNoise(model, "magnitude")
    noise.draw(streams.normals(0, "weight_noise", 1))
    with noise.applied(0.1):
        epsilon = (model.weight - clean).detach()
    assert torch.equal(epsilon[clean == 0], torch.zeros(250_000))
    for size in (1.0, -5.0, 20.0):
        assert abs(epsilon[clean == size].std() / (0.1 * abs(size)) - 1) < 0.01


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude"])
@pytest.mark.parametrize("arch", ["mlp_small", "cnn", "resnet18"])
def test_only_weights_change_and_come_back_bit_for_bit(arch, noise_model):
    model = build_model(arch)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    chosen = {id(weight) for weight in weight_tensors(model)}
    noise = WeightNoise(model, noise_model)
    noise.draw(streams.normals(0, "sweep", 0))
    with noise.applied(0.3):
        for name, parameter in model.named_parameters():
            assert torch.equal(parameter, before[name]) == (id(parameter) not in chosen), name
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_weights_come_back_when_the_block_raises():
    model = nn.Linear(20, 20)
    before = model.weight.detach().clone()
    noise = WeightNoise(model, "tensor_std")
    noise.draw(streams.normals(0, "sweep", 0))
    with pytest.raises(KeyError), noise.applied(1.0):
        raise KeyError("in the block")
    assert torch.equal(model.weight, before)


def test_std_is_taken_at_each_use():
    model = nn.Linear(300, 300, bias=False)
    noise = WeightNoise(model, "tensor_std")
    noise.draw(streams.normals(0, "sweep", 0))
    with noise.applied(0.1):
        first = model.weight.detach().clone()
    first -= model.weight.detach()
    with torch.no_grad():
        model.weight.mul_(10)
    with noise.applied(0.1):
        second = model.weight.detach().clone()
    second -= model.weight.detach()
    torch.testing.assert_close(second.std(), 10 * first.std(), rtol=1e-4, atol=0)


def test_a_single_weight_has_no_standard_deviation_and_is_left_alone():
    model = nn.PReLU()
    noise = WeightNoise(model, "tensor_std")
    noise.draw(streams.normals(0, "sweep", 0))
    with noise.applied(0.5):
        assert model.weight.item() == 0.25


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("mean", [0, 0.5, -30, 1e4])
def test_the_standard_deviation_is_exact_whatever_the_mean(mean, dtype):
    torch.manual_seed(0)
    weight = (torch.randn(300, 200, dtype=torch.float64) * 0.02 + mean).to(dtype)
    assert standard_deviation(weight) == pytest.approx(weight.double().std().item(), rel=1e-6)
    assert standard_deviation(weight.t()) == pytest.approx(weight.double().std().item(), rel=1e-6)


@pytest.mark.parametrize("weight", [torch.zeros(50), torch.full((50,), 0.1), torch.tensor([3.0])])
def test_equal_weights_have_no_standard_deviation(weight):
    assert standard_deviation(weight) == 0


def test_the_noise_of_layers_and_of_draws_is_uncorrelated():
    model = nn.Sequential(nn.Linear(400, 250, bias=False), nn.Linear(250, 400, bias=False))
    noise, stream = WeightNoise(model, "tensor_std"), streams.normals(0, "weight_noise", 1)
    rows = []
    for _ in range(3):
        noise.draw(stream)
        clean = [weight.detach().clone() for weight in model.parameters()]
        with noise.applied(1.0):
            rows += [(weight - before).flatten() for weight, before in zip(model.parameters(), clean, strict=True)]
    correlation = torch.corrcoef(torch.stack(rows).detach().double()) - torch.eye(6)
    assert correlation.abs().max() < 4.5 / 100_000**0.5


def test_a_draw_does_not_depend_on_the_order_of_memory():
    models = [nn.Conv2d(5, 7, 3, bias=False) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    models[1].to(memory_format=torch.channels_last)
    perturbed = []
    for model in models:
        noise = WeightNoise(model, "tensor_std")
        noise.draw(streams.normals(0, "sweep", 0))
        with noise.applied(0.3):
            perturbed.append(model.weight.detach().clone())
    torch.testing.assert_close(perturbed[1], perturbed[0], rtol=1e-6, atol=1e-7)


def test_what_learns_within_the_block_gets_the_gradient_at_the_perturbed_weights():
    torch.manual_seed(0)
    model, x = nn.Linear(6, 1, bias=False), torch.rand(4, 6)
    noise = WeightNoise(model, "tensor_std")
    noise.draw(streams.normals(0, "weight_noise", 1))
    with noise.applied(0.5):
        weight = model.weight.detach().clone()
        model(x).square().sum().backward()
    expected = 2 * (x @ weight.t() * x).sum(0, keepdim=True)
    torch.testing.assert_close(model.weight.grad, expected)
    assert not torch.equal(model.weight, weight)
