"""Bounds for weights in a box, against all corners of small networks, samples, and an adversary."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.architectures.parts.masks import Masks
from nnet.checks import ConfigError
from nnet.evaluations import interval_bounds
from nnet.evaluations.parts.bounded import Bounds, Box
from nnet.evaluations.parts.intervals import Interval
from nnet.foreign import evaluate_model
from nnet.perturbations.tensors import replaced, trainable_tensors, weight_tensors
from nnet_models import TrainConfig, build_model, try_set_up
from tests.nnet.evaluations import tiny
from tests.nnet.evaluations.measurements import rows_of


def images_of(*shape: int) -> torch.Tensor:
    return torch.rand(6, *shape, generator=torch.Generator().manual_seed(1))


def outputs_at(model: nn.Module, images: torch.Tensor, parameters: list, shifts: list) -> torch.Tensor:
    """The outputs at θ + |θ|·shift."""
    with replaced(parameters, [p.data + p.data.abs() * shift for p, shift in zip(parameters, shifts, strict=True)]):
        return model(images.clone()).detach()


def check_bounds(model: nn.Module, images: torch.Tensor, zeta: float, all_tensors: bool, samples: int = 60) -> Interval:
    """The bounds, which must hold at corners and at random places of the box, and at ζ = 0 be the outputs."""
    model.eval()
    moving = (trainable_tensors if all_tensors else weight_tensors)(model)
    exact, bounds = Bounds(model).of(images, Box(0.0, moving)), Bounds(model).of(images, Box(zeta, moving))
    outputs = model(images.clone()).detach()
    for end in (exact.lower, exact.upper):
        torch.testing.assert_close(end, outputs, rtol=1e-4, atol=1e-5)
    slack = 1e-5 * (1 + outputs.abs())
    generator = torch.Generator().manual_seed(0)
    for sample in range(samples):
        shifts = [torch.rand(parameter.shape, generator=generator) * 2 - 1 for parameter in moving]
        shifts = [zeta * (shift.sign() if sample % 2 else shift) for shift in shifts]
        moved = outputs_at(model, images, moving, shifts)
        assert (moved >= bounds.lower - slack).all() and (moved <= bounds.upper + slack).all()
    return bounds


@pytest.mark.parametrize("zeta", [0.05, 0.7, 1.5])
def test_bounds_of_one_linear_layer_are_the_extremes_over_all_corners(zeta):
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    images = torch.randn(5, 4)
    bounds = Bounds(model).of(images, Box(zeta, [model.weight]))
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=12))).view(-1, 3, 4)
    corners = torch.stack([outputs_at(model, images, [model.weight], [zeta * corner]) for corner in signs])
    torch.testing.assert_close(bounds.lower, corners.amin(0))
    torch.testing.assert_close(bounds.upper, corners.amax(0))


class Residual(nn.Module):
    """Functions and methods instead of layers, an addition in place, and shapes that depend on the input."""

    def __init__(self):
        super().__init__()
        self.conv, self.gain = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False), nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, images):
        outputs = self.conv(images)
        outputs += functional.pad(images[:, :2], (0, 0, 0, 0, 1, 0))
        outputs = functional.max_pool2d(functional.relu(outputs + self.gain), 2)
        return outputs.view(outputs.size(0), -1)[:, : outputs.shape[1] + 1]


def normalised(layer: nn.Module) -> nn.Module:
    """The layer with statistics and factors that are not those at the start."""
    generator = torch.Generator().manual_seed(5)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.2)
    with torch.no_grad():
        layer.weight.mul_(torch.where(torch.arange(len(layer.weight)) % 2 == 0, 1.0, -1.0))
    return layer


def conv_then(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3, 2, padding=1), *layers, nn.Flatten(), nn.Linear(4 * 16, 3))


ACTIVATIONS = ("ReLU", "Tanh", "Sigmoid", "LeakyReLU", "PReLU", "RReLU", "ELU", "SELU", "GELU", "Softplus", "Hardtanh")
NETWORKS = {
    **{name: lambda name=name: conv_then(getattr(nn, name)()) for name in ACTIVATIONS},
    "in place": lambda: conv_then(nn.BatchNorm2d(4), nn.LeakyReLU(0.1, inplace=True)),
    "first in place": lambda: nn.Sequential(nn.LeakyReLU(0.1, inplace=True), *conv_then()),
    "tanh of GELU": lambda: conv_then(nn.GELU("tanh")),
    "dropout": lambda: conv_then(nn.Dropout(0.5)),
    "pooling": lambda: nn.Sequential(nn.AvgPool2d(2), nn.ZeroPad2d(2), nn.AdaptiveAvgPool2d(8), *conv_then()),
    "batch normalisation": lambda: conv_then(normalised(nn.BatchNorm2d(4))),
    "of vectors": lambda: nn.Sequential(*conv_then(), normalised(nn.BatchNorm1d(3)), nn.Linear(3, 2)),
    "layer normalisation": lambda: nn.Sequential(*conv_then(), normalised(nn.LayerNorm(3)), nn.Linear(3, 2)),
    "of images": lambda: conv_then(nn.LayerNorm((4, 4, 4))),
    "residual": lambda: nn.Sequential(Residual(), nn.Linear(4, 2)),
    "padding with images": lambda: nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="circular"), *conv_then()),
}  # fmt: skip


@pytest.mark.parametrize("all_tensors", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_weights_in_the_box_leave_the_bounds(name, all_tensors):
    torch.manual_seed(0)
    bounds = check_bounds(NETWORKS[name](), images_of(3, 8, 8) - 0.4, 0.05, all_tensors)
    assert (bounds.lower < bounds.upper).all()


@pytest.mark.parametrize("plain", ["0", "1"])
@pytest.mark.parametrize("arch", ["mlp_small", "cnn", "fmnist_cnn", "tiny_cnn", "lenet", "resnet18", "resnet32"])
def test_networks_of_this_program_are_bounded(arch, plain, monkeypatch):
    monkeypatch.setenv("NNET_PLAIN", plain)
    torch.manual_seed(0)
    shape = (1, 9, 9) if arch in ("fmnist_cnn", "lenet") else (3, 9, 9)
    model = build_model(arch, image_shape=shape, num_classes=4)
    for module in model.modules():
        if isinstance(module, Masks):
            module.draw(torch.Generator().manual_seed(0))
    check_bounds(model, images_of(*shape), 0.002, False, samples=10)


def plain_bounds(zeta: float) -> tuple[np.ndarray, np.ndarray]:
    """Of the logits of the tiny network, image by image and unit by unit."""
    first, second = (np.sort([w * (1 - zeta), w * (1 + zeta)], axis=0) for w in (tiny.FIRST, tiny.SECOND))
    terms = tiny.IMAGES[:, None, :] * first[:, None]
    hidden = np.maximum(np.array([terms.min(0).sum(-1), terms.max(0).sum(-1)]) + tiny.BIAS, 0)
    terms = np.array([a[:, None, :] * b for a in hidden for b in second])
    return terms.min(0).sum(-1), terms.max(0).sum(-1)


@pytest.mark.parametrize("zeta", [0.01, 0.05, 0.2])
def test_certified_accuracy_and_the_bound_on_the_loss_are_those_of_a_plain_program(zeta):
    lower, upper = plain_bounds(zeta)
    images = np.arange(60)
    true, worst = lower[images, tiny.LABELS], upper.copy()
    worst[images, tiny.LABELS] = -np.inf
    certain = true > worst.max(1)
    worst[images, tiny.LABELS] = true
    losses = np.log(np.exp(worst).sum(1)) - true
    ((row,),) = tiny.measured("interval_bounds", [(zeta, 0)])
    assert row == {"strength": zeta, "draw": 0, "acc": certain.mean(), "loss": pytest.approx(losses.mean(), rel=1e-5)}
    assert 0 < certain.sum() < 50
    random = np.random.default_rng(1)
    for _ in range(1000):
        moved = [w * (1 + zeta * random.uniform(-1, 1, w.shape).round(0)) for w in (tiny.FIRST, tiny.SECOND)]
        assert (tiny.logits(*moved).argmax(1) == tiny.LABELS)[certain].all()


@pytest.mark.parametrize("every_tensor", [False, True])
def test_certified_accuracy_is_at_most_that_of_an_adversary_and_of_chance(network, every_tensor):
    settings = {"zetas": [0, 0.001, 0.01, 0.03, 0.1], "test_attack_all": every_tensor}
    names = ("interval_bounds", "worst_case", "random_corners")
    certified, attacked, by_chance = (rows_of(network, name, **settings) for name in names)
    assert certified[0] == by_chance[0] == {name: attacked[0][name] for name in certified[0]}
    for bound, reached, chance in zip(certified[1:], attacked[1:], by_chance[1:], strict=True):
        assert bound["acc"] <= reached["acc"] <= attacked[0]["acc"] and bound["loss"] > reached["loss"]
        assert bound["acc"] <= chance["acc_min"] and bound["loss"] > chance["loss"]
    assert all(less["acc"] >= more["acc"] for less, more in itertools.pairwise(certified))
    assert certified[1]["acc"] > 0.5 and certified[-1]["acc"] < attacked[-1]["acc"]


class Product(nn.Module):
    def forward(self, images):
        return torch.matmul(images, images)


class Turned(nn.Module):
    def forward(self, images):
        return images.T.flatten(1)


class Choosing(nn.Module):
    def forward(self, images):
        return images if images.sum() > 0 else -images


class Doubled(nn.Linear):
    def forward(self, inputs):
        return 2 * super().forward(inputs)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.MultiheadAttention(4, 1), r"knows no bounds for block\.0 \(MultiheadAttention\)"),
        (nn.LSTM(4, 4), r"knows no bounds for block\.0 \(LSTM\)"),
        (nn.BatchNorm1d(4, track_running_stats=False), r"block\.0 \(BatchNorm1d\)"),
        (nn.LeakyReLU(-0.5), r"block\.0 \(LeakyReLU\)"),
        (Product(), r"the function matmul in block\.0 \(Product\)"),
        (Doubled(4, 4), r"the function (mul|linear) in block\.0 \(Doubled\)"),
        (Turned(), r"the function getattr in block\.0 \(Turned\)"),
        (Choosing(), r"cannot follow the computation in block\.0 \(Choosing\): "),
    ],
)
def test_what_cannot_be_bounded_is_refused_by_name_before_anything_is_measured(layer, message):
    model = nn.Sequential()
    model.add_module("first", nn.Linear(4, 4))
    model.add_module("block", nn.Sequential(layer, nn.Dropout()))
    modes = [module.training for module in model.train().modules()]
    with pytest.raises(ConfigError, match=message):
        interval_bounds.Evaluation.check(model)
    assert modes == [module.training for module in model.modules()]
    with pytest.raises(ConfigError, match=message):
        evaluate_model(model, (torch.rand(5, 1, 1, 4), torch.arange(5) % 2), ["interval_bounds"])


def test_a_run_whose_network_cannot_be_bounded_is_refused_at_its_set_up(npz):
    cfg = TrainConfig(
        dataset=npz, image_size=8, arch="lenet", evaluations=("interval_bounds",), options={"lenet": {"nmasks": 3}}
    )
    with pytest.raises(ConfigError, match=r"interval_bounds .*\(PerturbLayer\)"):
        try_set_up(cfg)
