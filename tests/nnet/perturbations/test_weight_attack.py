"""The adversary in weight space and its losses, against plain references."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet.perturbations.divergences import BOUNDARY_LOSSES
from nnet.perturbations.pixel_attack import attacked_images
from nnet.perturbations.tensors import frozen_statistics
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random.normals import Normals
from nnet.regimes import beta
from nnet_models import build_model
from tests.conftest import blobs, learn


@pytest.fixture(scope="module")
def trained():
    """A network in double precision that has learnt the blobs, and a batch."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    images, labels = blobs(120, contrast=60)
    x, y = torch.from_numpy(images).double() / 255, torch.from_numpy(labels)
    learn(model, x, y, steps=60, rate=1e-2)
    return model, x, y


def attack_of(model, size=0.1, steps=10, start_noise=1e-3, **more) -> WeightAttack:
    return WeightAttack(model, size, steps, start_noise, **more)


def against(model, x, y):
    return lambda: [functional.cross_entropy(model(x), y)]


def relative(model, attack, shifts) -> list[torch.Tensor]:
    """(θ* − θ)/|θ| as the network has it."""
    clean = [parameter.detach().clone() for parameter in attack.parameters]
    with attack.applied(shifts):
        moved = [parameter.detach().clone() for parameter in attack.parameters]
    assert all(torch.equal(parameter, was) for parameter, was in zip(attack.parameters, clean, strict=True))
    return [(star - was) / was.abs() for star, was in zip(moved, clean, strict=True)]


PLAIN = {
    "kl": lambda p, q, y: (p.softmax(1) * (p.softmax(1) / q.softmax(1)).log()).sum(1).mean(),
    "reverse_kl": lambda p, q, y: (q.softmax(1) * (q.softmax(1) / p.softmax(1)).log()).sum(1).mean(),
    "js": lambda p, q, y: 0.5 * sum(
        (r.softmax(1) * (2 * r.softmax(1) / (p.softmax(1) + q.softmax(1))).log()).sum(1).mean() for r in (p, q)
    ),
    "l2": lambda p, q, y: ((p - q) ** 2).sum(1).sqrt().mean(),
    "ce": lambda p, q, y: -q.softmax(1)[range(len(y)), y].log().mean(),
}  # fmt: skip


@pytest.mark.parametrize("name", BOUNDARY_LOSSES)
def test_boundary_losses_are_their_formulas(name):
    torch.manual_seed(0)
    p, q, y = 3 * torch.randn(20, 7).double(), 3 * torch.randn(20, 7).double(), torch.randint(7, (20,))
    torch.testing.assert_close(BOUNDARY_LOSSES[name](p, q, y), PLAIN[name](p, q, y))


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "js"])
def test_divergences_are_zero_for_equal_outputs_finite_for_any_gap_and_never_negative(name):
    loss = BOUNDARY_LOSSES[name]
    torch.manual_seed(0)
    logits, labels = torch.randn(50, 10), torch.zeros(50, dtype=torch.int64)
    assert loss(logits, logits, labels).item() == 0
    far = torch.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    value = loss(far, far.detach().flip(1), labels[:1])
    value.backward()
    assert math.isfinite(value.item()) and torch.isfinite(far.grad).all()
    for scale in (1e-3, 1, 10, 100):
        values = [loss(scale * torch.randn(5, 10), scale * torch.randn(5, 10), labels[:5]).item() for _ in range(50)]
        assert min(values) >= 0


@pytest.mark.parametrize("p_norm", ["inf", "2"])
def test_the_adversary_stays_in_its_box_and_leaves_zeros_alone(trained, p_norm):
    model, x, y = copy.deepcopy(trained[0]), *trained[1:]
    model[1].weight.data[0, :5] = 0
    attack = attack_of(model, 0.1, start_noise=0.05, p_norm=p_norm)
    for shift in relative(model, attack, attack.find(against(model, x, y), Normals(1))):
        known = shift[~shift.isnan()]
        assert known.abs().max() <= 0.1 * (1 + 1e-9)
    free = attack_of(model, 0.1, start_noise=0.05, p_norm=p_norm, project=False)
    start = Normals(1)
    draws = [start.draw(parameter.shape).numbers().double() for parameter in free.parameters]
    for shift, draw in zip(relative(model, free, free.find(against(model, x, y), Normals(1))), draws, strict=True):
        known = ~shift.isnan()
        assert (shift[known].abs() <= (0.1 + 0.05 * draw[known].abs()) * (1 + 1e-9)).all()
    with attack.applied(attack.find(against(model, x, y), Normals(1))):
        assert (model[1].weight[0, :5] == 0).all()


def test_an_adversary_of_size_0_without_start_noise_returns_the_weights(trained):
    model, x, y = trained
    for steps in (1, 10):
        attack = attack_of(model, 0.0, steps, 0.0)
        assert all((shift == 0).all() for shift in attack.find(against(model, x, y), Normals(0)))


def test_attacked_are_the_tensors_of_weight_noise_or_all():
    model = build_model("resnet18", image_shape=(3, 8, 8))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert not any("bn" in names[id(p)] or "bias" in names[id(p)] for p in attack_of(model).parameters)
    assert len(attack_of(model, attack_all=True).parameters) == len(names)


def test_steps_are_relative_to_where_the_adversary_began(trained):
    model, x, y = trained
    attack = attack_of(model, 0.2, 4, 0.01, project=False)
    start = Normals(3)
    draws = [0.01 * start.draw(parameter.shape).numbers().double() for parameter in attack.parameters]
    shifts = attack.find(lambda: [sum(parameter.sum() for parameter in attack.parameters)], Normals(3))
    for shift, draw in zip(relative(model, attack, shifts), draws, strict=True):
        torch.testing.assert_close(shift, 0.2 + draw, rtol=1e-6, atol=1e-9)


def test_cross_entropy_moves_without_start_noise(trained):
    model, x, y = trained
    attack = attack_of(model, start_noise=0.0)
    moved = attack.find(lambda: [BOUNDARY_LOSSES["ce"](model(x), model(x), y)], Normals(0))
    assert all((shift.abs() > 0.05).any() for shift in moved)


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "js", "l2"])
def test_the_other_losses_have_no_gradient_at_the_weights_and_are_refused_without_start_noise(trained, name):
    model, x, y = trained
    star = model(x)
    (gradient,) = torch.autograd.grad(BOUNDARY_LOSSES[name](star.detach(), star, y), star)
    assert gradient.abs().max() < 1e-15
    with pytest.raises(ValueError, match=f"start_noise must be above 0: the gradient of boundary_loss '{name}'"):
        beta.Options(boundary_loss=name, start_noise=0)
    assert beta.Options(boundary_loss="ce", start_noise=0).start_noise == 0


def value_at(model, x, y, attack, shifts) -> float:
    with attack.applied(shifts), torch.no_grad():
        return functional.cross_entropy(model(x), y).item()


def test_the_adversary_is_worse_than_any_random_corner_and_worse_the_farther_it_goes(trained):
    model, x, y = trained
    values = []
    for size in (0.01, 0.05, 0.1, 0.3, 0.7):
        attack = attack_of(model, size)
        values.append(value_at(model, x, y, attack, attack.find(against(model, x, y), Normals(0))))
        for seed in range(20):
            torch.manual_seed(seed)
            corner = [size * torch.randn_like(parameter).sign() for parameter in attack.parameters]
            assert values[-1] > value_at(model, x, y, attack, corner)
    assert values == sorted(values)


def plain_robust_gradient(model, x, y, boundary, size, steps, start_noise, through_attack):
    """The gradient of the boundary loss, with autograd through every step of the adversary (sign has none)."""
    names = [name for name, _ in model.named_parameters()]
    weights = [name for name in names if name.endswith("weight")]
    theta = {name: parameter.detach().clone().requires_grad_() for name, parameter in model.named_parameters()}

    def outputs(parameters):
        return torch.func.functional_call(model, parameters, x)

    normals = Normals(5)
    star = dict(theta)
    for name in weights:
        draw = normals.draw(theta[name].shape).numbers().double()
        star[name] = theta[name] + theta[name].abs() * start_noise * draw
    for _ in range(steps):
        loss = boundary(outputs(theta), outputs(star), y)
        gradients = torch.autograd.grad(loss, [star[name] for name in weights], create_graph=True)
        for name, gradient in zip(weights, gradients, strict=True):
            star[name] = star[name] + size / steps * theta[name].abs() * gradient.sign()
    if not through_attack:
        star = {name: tensor.detach() for name, tensor in star.items()}
    return torch.autograd.grad(boundary(outputs(theta), outputs(star), y), list(theta.values()))


def our_robust_gradient(model, x, y, name, size, steps, start_noise, through_attack):
    attack, boundary = WeightAttack(model, size, steps, start_noise, project=False), BOUNDARY_LOSSES[name]
    target, parameters = model(x).detach(), list(model.parameters())
    shifts = attack.find(lambda: [boundary(target, model(x), y)], Normals(5))
    with attack.applied(shifts):
        star = model(x)
        gradients = torch.autograd.grad(boundary(target, star, y), parameters)
    at_theta = torch.autograd.grad(boundary(model(x), star.detach(), y), parameters)
    slopes = {id(p): slope for p, slope in zip(attack.parameters, attack.jacobian(shifts), strict=True)}
    if not through_attack:
        return at_theta
    return [a + slopes.get(id(p), 1.0) * g for p, a, g in zip(parameters, at_theta, gradients, strict=True)]


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "js", "l2"])
def test_the_diagonal_jacobian_is_what_autograd_finds_through_the_adversary(trained, name):
    model, x, y = trained
    settings = dict(size=0.1, steps=5, start_noise=0.01)
    found = {}
    for through in (True, False):
        expected = plain_robust_gradient(model, x, y, PLAIN[name], **settings, through_attack=through)
        found[through] = our_robust_gradient(model, x, y, name, **settings, through_attack=through)
        for ours, plain in zip(found[through], expected, strict=True):
            torch.testing.assert_close(ours, plain, rtol=1e-6, atol=1e-9)
    assert any(not torch.allclose(a, b, rtol=1e-3) for a, b in zip(found[True], found[False], strict=True))


def test_frozen_statistics_do_not_move_and_are_those_of_the_batch():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    plain = copy.deepcopy(model)
    images = torch.rand(8, 3, 6, 6)
    before = copy.deepcopy(model.state_dict())
    with frozen_statistics(model), frozen_statistics(model):
        outputs = model(images)
    assert torch.equal(outputs, plain(images))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    model(images)
    assert model[1].num_batches_tracked == 1


def test_attacked_images_stay_near_and_in_range_and_make_the_loss_larger(trained):
    model, x, y = trained
    generator = torch.Generator().manual_seed(0)

    def loss(images):
        return functional.cross_entropy(model(images), y)

    attacked = attacked_images(x, loss, 0.05, 3, generator)
    assert (attacked - x).abs().max() <= 0.05 + 1e-12 and attacked.min() >= 0 and attacked.max() <= 1
    corner = (x + 0.05 * torch.randn_like(x).sign()).clamp(0, 1)
    assert loss(attacked) > loss(corner) and not attacked.requires_grad
