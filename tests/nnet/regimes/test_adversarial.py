"""Training against an adversary in weight space, and SAM, against plain references."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from nnet import registry
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random.normals import Normals
from nnet.random.streams import seed_of
from nnet_models import train_and_evaluate
from tests.conftest import small_run


def config(npz, regime, options=None, **changed):
    """A run with these options of its regime, by name."""
    fields = dict(alpha_tests=(0, 0.3)) | changed
    return small_run(npz, regime=regime, **fields, options={regime: options} if options else {})


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 3)).double()


def batch():
    torch.manual_seed(1)
    return torch.rand(24, 3, 8, 8).double(), torch.randint(3, (24,))


def set_up(npz, regime: str, options: dict, model=None, **changed):
    """A regime in its first epoch, with gradients that stay and weights that do not move."""
    model = network() if model is None else model
    cfg = config(npz, regime=regime, options=options, **changed)
    made = registry.make_options("regimes", regime, options)
    rule = registry.load("regimes", regime).Regime(cfg, model, torch.optim.SGD(model.parameters(), lr=0.0), **made)
    model.train()
    rule.start_epoch(1)
    return rule, model


def gradients_of(model) -> list[torch.Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters()]


def plain(model, x, y) -> list[torch.Tensor]:
    return list(torch.autograd.grad(functional.cross_entropy(model(x), y), list(model.parameters())))


def assert_close(found, expected):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("alpha", [0, 0.3])
@pytest.mark.parametrize("more", [{}, {"dropout": 0.3}])
@pytest.mark.parametrize("options", [{"beta_robustness": 0}, {"warmup": 2}])
def test_beta_without_its_term_is_noisy_bit_for_bit(npz, alpha, more, options):
    noisy = train_and_evaluate(config(npz, regime="noisy", alpha_train=alpha, noise_model="magnitude", **more))
    beta = train_and_evaluate(
        config(npz, regime="beta", alpha_train=alpha, noise_model="magnitude", options=options, **more)
    )
    assert beta["sha256"] == noisy["sha256"] and beta["history"] == noisy["history"]
    assert beta["sweep"] == noisy["sweep"]


@pytest.mark.parametrize(
    ("regime", "options"),
    [("awp", {"gamma": 0}), ("awp", {"warmup": 2}), ("sam", {"rho": 0}), ("beta", {"beta_robustness": 0})],
)
@pytest.mark.parametrize("arch", ["mlp_small", "resnet18"])
def test_without_their_strength_they_are_clean_bit_for_bit(npz, regime, options, arch):
    small = dict(arch=arch, max_train_samples=32, alpha_tests=(0,))
    clean = train_and_evaluate(config(npz, regime="clean", **small))
    other = train_and_evaluate(config(npz, regime=regime, options=options, **small))
    assert other["sha256"] == clean["sha256"] and other["history"] == clean["history"]


def test_with_their_strength_they_are_not(npz):
    runs = [train_and_evaluate(config(npz, regime=regime)) for regime in ("clean", "beta", "awp", "sam")]
    assert len({run["sha256"]["weights"] for run in runs}) == 4
    assert len({run["sha256"]["initial_weights"] for run in runs}) == 1


@pytest.mark.parametrize("alpha", [0, 0.3])
@pytest.mark.parametrize("boundary", ["kl", "ce"])
def test_the_gradient_of_beta_is_that_of_its_loss_by_autograd(npz, alpha, boundary):
    """With θ* as a function of θ, its shifts held, and the cross-entropy at θ or at the plain noisy weights."""
    options = {"beta_robustness": 0.7, "attack_steps": 3, "boundary_loss": boundary, "project": False}
    rule, model = set_up(npz, "beta", options, alpha_train=alpha, noise_model="magnitude")
    x, y = batch()
    reference = copy.deepcopy(model)
    theta = {name: parameter.detach().clone().requires_grad_() for name, parameter in reference.named_parameters()}
    weights = ["1.weight", "4.weight"]

    def outputs(parameters):
        return torch.func.functional_call(reference, parameters, x)

    def loss_between(p, q):
        if boundary == "ce":
            return functional.cross_entropy(q, y)
        return functional.kl_div(q.log_softmax(1), p.log_softmax(1), reduction="batchmean", log_target=True)

    normals = Normals(seed_of(0, "weight_attack", 1))
    shifts = {name: 1e-3 * normals.draw(theta[name].shape).numbers().double() for name in weights}
    for _ in range(3):
        star = {name: theta[name] + theta[name].abs() * shifts[name] for name in weights}
        loss = loss_between(outputs(theta).detach(), outputs(theta | star))
        for name, gradient in zip(weights, torch.autograd.grad(loss, [star[name] for name in weights]), strict=True):
            shifts[name] = shifts[name] + 0.1 / 3 * gradient.sign()
    star = {name: theta[name] + theta[name].abs() * shifts[name] for name in weights}
    natural = theta
    if alpha > 0:
        noise = Normals(seed_of(0, "weight_noise", 1))
        sizes = {name: theta[name].detach().abs() for name in weights}
        noisy = {name: alpha * sizes[name] * noise.draw(sizes[name].shape).numbers().double() for name in weights}
        natural = theta | {name: theta[name] + noisy[name] for name in weights}
    total = functional.cross_entropy(outputs(natural), y) + 0.7 * loss_between(outputs(theta), outputs(theta | star))
    expected = torch.autograd.grad(total, list(theta.values()))
    reported = rule.step(x, y)
    assert_close(gradients_of(model), expected)
    torch.testing.assert_close(reported, functional.cross_entropy(outputs(natural), y).detach(), rtol=1e-6, atol=1e-9)


def test_a_term_whose_gradient_would_be_zero_is_refused_and_otherwise_it_is_not_zero(npz):
    with pytest.raises(ValueError, match="with treat_as_constant the gradient of boundary_loss 'ce' is zero"):
        set_up(npz, "beta", {"treat_as_constant": True, "boundary_loss": "ce"})
    x, y = batch()
    rule, model = set_up(npz, "beta", {"boundary_loss": "ce", "beta_robustness": 1.0})
    rule.step(x, y)
    clean = plain(network(), x, y)
    differences = [(ours - without).norm() for ours, without in zip(gradients_of(model), clean, strict=True)]
    assert differences[0] > 0.1 * clean[0].norm() and differences[-1] > 0.1 * clean[-1].norm()


def test_treat_as_constant_changes_the_gradient(npz):
    x, y = batch()
    found = []
    for constant in (False, True):
        rule, model = set_up(npz, "beta", {"treat_as_constant": constant, "beta_robustness": 5.0})
        rule.step(x, y)
        found.append(gradients_of(model)[0])
    assert not torch.allclose(*found, rtol=1e-3)


@pytest.mark.parametrize("gamma", [0.3, 1.0])
def test_awp_takes_the_gradient_on_the_adversarys_way_and_applies_it_to_the_weights(npz, gamma):
    x, y = batch()
    rule, model = set_up(npz, "awp", {"gamma": gamma, "attack_size": 0.3, "attack_steps": 4})
    reference = copy.deepcopy(model)
    attack = WeightAttack(reference, 0.3, 4, 1e-3)
    normals = Normals(seed_of(0, "weight_attack", 1))
    shifts = attack.find(lambda: [functional.cross_entropy(reference(x), y)], normals)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    moved = {
        name: before[name] + gamma * before[name].abs() * shift
        for name, shift in zip(("1.weight", "4.weight"), shifts, strict=True)
    }
    reference.load_state_dict(moved, strict=False)
    expected = plain(reference, x, y)
    rule.step(x, y)
    assert_close(gradients_of(model), expected)
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    assert model[2].num_batches_tracked == 1


def test_awp_attacks_the_images_too_where_it_is_told_to(npz):
    x, y = batch()
    seen = []
    rule, model = set_up(npz, "awp", {"input_size": 0.1})
    model.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach().clone()))
    rule.step(x, y)
    assert torch.equal(seen[0], x)
    assert 0.05 < (seen[-1] - x).abs().max() <= 0.1 + 1e-9 and seen[-1].min() >= 0 and seen[-1].max() <= 1


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_takes_the_gradient_at_the_far_side_of_its_ball(npz, adaptive):
    x, y = batch()
    rule, model = set_up(npz, "sam", {"rho": 0.5, "adaptive": adaptive})
    reference = copy.deepcopy(model)
    gradients = plain(reference, x, y)
    parameters = list(reference.parameters())
    sizes = [parameter.detach().abs() if adaptive else torch.ones_like(parameter) for parameter in parameters]
    norm = sum(((size * g) ** 2).sum() for size, g in zip(sizes, gradients, strict=True)).sqrt()
    with torch.no_grad():
        for parameter, size, gradient in zip(parameters, sizes, gradients, strict=True):
            parameter += 0.5 * size**2 * gradient / norm
    expected = plain(reference, x, y)
    loss = rule.step(x, y)
    assert_close(gradients_of(model), expected)
    assert loss.item() == pytest.approx(functional.cross_entropy(network()(x), y).item())
    assert model[2].num_batches_tracked == 1


@pytest.mark.parametrize(("regime", "options"), [("beta", {}), ("awp", {}), ("sam", {})])
def test_all_passes_of_a_step_have_the_same_dropout_masks(npz, regime, options):
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 40), nn.Dropout(0.5), nn.Linear(40, 3)).double()
    seen = []
    model[2].register_forward_hook(lambda _, __, outputs: seen.append(outputs.detach() == 0))
    rule, _ = set_up(npz, regime, options, model)
    images, labels = batch()
    rule.step(images, labels)
    first = len(seen)
    assert first >= 2 and all(torch.equal(mask, seen[0]) for mask in seen)
    rule.step(images, labels)
    assert not torch.equal(seen[first], seen[0])


def test_forward_noise_takes_the_gradient_at_the_noisy_weights_with_a_fresh_draw_per_batch(npz):
    """∂L/∂θ_n, without the derivative of |θ|; the weights themselves stay clean."""
    x, y = batch()
    rule, model = set_up(npz, "noisy", {}, alpha_train=0.3, noise_model="magnitude")
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    normals = Normals(seed_of(0, "weight_noise", 1))
    found = []
    for _ in range(2):
        reference = network()
        with torch.no_grad():
            for weight in (reference[1].weight, reference[4].weight):
                weight += 0.3 * weight.abs() * normals.draw(weight.shape).numbers().double()
        rule.step(x, y)
        found.append(gradients_of(model))
        assert_close(found[-1], plain(reference, x, y))
        assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())
    assert not torch.allclose(found[0][0], found[1][0], rtol=1e-2)


@pytest.mark.parametrize(
    ("regime", "options", "message"),
    [
        ("beta", {"boundary_loss": "trades"}, "unknown boundary_loss 'trades'.*kl.*ce"),
        ("beta", {"p_norm": "1"}, "unknown p_norm '1'.*inf.*2"),
        ("beta", {"attack_steps": 0}, "attack_steps must be at least 1"),
        ("beta", {"beta_robustness": -1}, "beta_robustness must be finite and not negative"),
        ("beta", {"project": "yes"}, "project must be True or False"),
        ("awp", {"gamma": 2}, "gamma must be between 0 and 1"),
        ("awp", {"beta_robustness": 1}, "unknown option 'beta_robustness' of awp"),
        ("sam", {"rho": -0.1}, "rho must be finite and not negative"),
    ],
)
def test_wrong_options_are_one_sentence(npz, regime, options, message):
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(config(npz, regime=regime, options=options))
