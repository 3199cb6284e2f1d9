"""Adversaries, noise and evaluations on the spiking network: what they promise for every network holds for it."""

import copy

import pytest
import torch
from torch.nn import functional

from nnet import registry
from nnet.perturbations.divergences import BOUNDARY_LOSSES
from nnet.perturbations.weight_attack import WeightAttack
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random.normals import Normals
from nnet.random.streams import seed_of
from nnet_models import TrainConfig, build_model, train_and_evaluate
from tests.conftest import learn, waves

X, Y = (torch.from_numpy(array) for array in waves(24, steps=20))
X = X.double()


def network(**options):
    torch.manual_seed(0)
    model = build_model("srnn", image_shape=(20, 2), num_classes=3, units=16, **options).double()
    with torch.no_grad():
        model.readout.weight.mul_(20)  # so that outputs depend on spikes
    return model


@pytest.fixture(scope="module")
def trained():
    model = network()
    learn(model, X, Y, 60, 0.02)
    assert (model(X).argmax(1) == Y).double().mean() > 0.8
    return model.eval()


def weights(model):
    return {name: parameter for name, parameter in model.named_parameters() if "weight" in name}


def config(sequences, **changed) -> TrainConfig:
    fields = dict(dataset=sequences, arch="srnn", epochs=2, batch_size=16, alpha_tests=(0, 0.5), noise_samples=2)
    return TrainConfig(**fields | dict(noise_model="magnitude", options={}) | changed)


def set_up(sequences, regime, options, model, **changed):
    cfg = config(sequences, regime=regime, options={regime: options} if options else {}, **changed)
    made = registry.make_options("regimes", regime, options)
    rule = registry.load("regimes", regime).Regime(cfg, model, torch.optim.SGD(model.parameters(), lr=0.0), **made)
    model.train()
    rule.start_epoch(1)
    return rule


def objective(model, boundary="kl"):
    target = model(X).detach()
    return lambda: BOUNDARY_LOSSES[boundary](target, model(X), Y)


def test_the_adversary_stays_in_its_box_and_leaves_the_diagonal(trained):
    before = {name: weight.detach().clone() for name, weight in weights(trained).items()}
    loss = objective(trained)
    reached = {}
    for size in (0.0, 0.02, 0.1):
        attack = WeightAttack(trained, size, 10, 1e-3 if size else 0.0)
        shifts = attack.find(lambda: [loss()], Normals(0))
        assert all(shift.abs().max() <= size for shift in shifts)
        with attack.applied(shifts), torch.no_grad():
            reached[size] = loss().item()
            assert (trained.weight_rec.diagonal() == 0).all()
        assert all(torch.equal(weight, before[name]) for name, weight in weights(trained).items())
    assert reached[0.0] == 0 < reached[0.02] < reached[0.1]
    corners = []
    for seed in range(5):
        torch.manual_seed(seed)
        with attack.applied([0.1 * torch.randn_like(shift).sign() for shift in shifts]), torch.no_grad():
            corners.append(loss().item())
    assert reached[0.1] > max(corners)


def test_at_the_weights_the_divergence_has_no_gradient_but_the_cross_entropy_has(trained):
    for boundary, moves in (("kl", False), ("ce", True)):
        gradients = torch.autograd.grad(objective(trained, boundary)(), list(weights(trained).values()))
        assert any(gradient.abs().max() > 1e-9 for gradient in gradients) == moves


def test_the_gradient_of_a_whole_set_is_that_of_its_chunks(trained):
    whole = WeightAttack(trained, 0.1, 4, 1e-3).find(lambda: [functional.cross_entropy(trained(X), Y)], Normals(0))
    for sizes in ((12, 12), (7, 17)):
        chunks = list(zip(X.split(sizes), Y.split(sizes), strict=True))
        parts = WeightAttack(trained, 0.1, 4, 1e-3).find(
            lambda: (len(y) / len(Y) * functional.cross_entropy(trained(x), y) for x, y in chunks),  # noqa: B023
            Normals(0),
        )
        for one, other in zip(whole, parts, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("alpha", [0, 0.3])
def test_the_gradient_of_beta_is_that_of_its_loss_by_autograd(sequences, alpha):
    model = network()
    rule = set_up(
        sequences, "beta", {"beta_robustness": 0.7, "attack_steps": 3, "project": False}, model, alpha_train=alpha
    )
    reference = copy.deepcopy(model)
    theta = {name: parameter.detach().clone().requires_grad_() for name, parameter in reference.named_parameters()}
    names = list(weights(reference))

    def outputs(parameters):
        return torch.func.functional_call(reference, parameters, X)

    def divergence(p, q):
        return functional.kl_div(q.log_softmax(1), p.log_softmax(1), reduction="batchmean", log_target=True)

    normals = Normals(seed_of(0, "weight_attack", 1))
    shifts = {name: 1e-3 * normals.draw(theta[name].shape).numbers().double() for name in names}
    for _ in range(3):
        star = {name: theta[name] + theta[name].abs() * shifts[name] for name in names}
        loss = divergence(outputs(theta).detach(), outputs(theta | star))
        for name, gradient in zip(names, torch.autograd.grad(loss, [star[name] for name in names]), strict=True):
            shifts[name] = shifts[name] + 0.1 / 3 * gradient.sign()
    star = {name: theta[name] + theta[name].abs() * shifts[name] for name in names}
    natural = theta
    if alpha > 0:
        noise = Normals(seed_of(0, "weight_noise", 1))
        draws = {name: noise.draw(theta[name].shape).numbers().double() for name in names}
        natural = theta | {name: theta[name] + alpha * theta[name].detach().abs() * draws[name] for name in names}
    robust = divergence(outputs(theta), outputs(theta | star))
    total = functional.cross_entropy(outputs(natural), Y) + reference.penalty() + 0.7 * robust
    expected = torch.autograd.grad(total, list(theta.values()))
    rule.step(X, Y)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("regime", "options"), [("awp", {"gamma": 0}), ("sam", {"rho": 0}), ("beta", {"beta_robustness": 0})]
)
def test_without_their_strength_they_are_clean_bit_for_bit(sequences, regime, options):
    clean = train_and_evaluate(config(sequences, regime="clean"))
    other = train_and_evaluate(config(sequences, regime=regime, options={regime: options}))
    assert other["sha256"] == clean["sha256"] and other["history"] == clean["history"]


def test_awp_takes_its_gradient_elsewhere_and_leaves_the_weights(sequences):
    model = network()
    rule = set_up(sequences, "awp", {"gamma": 1.0, "attack_size": 0.3, "input_size": 0.01}, model)
    before = copy.deepcopy(model.state_dict())
    seen = []
    model.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach().clone()))
    rule.step(X, Y)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    clean = network()
    functional.cross_entropy(clean(X), Y).backward()
    assert not torch.allclose(model.weight_in.grad, clean.weight_in.grad, rtol=1e-2)
    assert 0.005 < (seen[-1] - X).abs().max() <= 0.01 + 1e-9 and seen[-1].min() < 0  # sequences have no range


def test_forward_noise_takes_the_gradient_at_the_noisy_weights(sequences):
    model, reference = network(rate_penalty=0.0), network(rate_penalty=0.0)
    rule = set_up(sequences, "noisy", {}, model, alpha_train=0.3)
    normals = Normals(seed_of(0, "weight_noise", 1))
    with torch.no_grad():
        for weight in weights(reference).values():
            weight += 0.3 * weight.abs() * normals.draw(weight.shape).numbers().double()
    rule.step(X, Y)
    functional.cross_entropy(reference(X), Y).backward()
    for ours, expected in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, expected.grad, rtol=1e-6, atol=1e-9)


def test_mismatch_has_its_level_spares_zeros_and_ends_with_the_same_bits(trained):
    before = copy.deepcopy(trained.state_dict())
    noise = WeightNoise(trained, "magnitude")
    noise.draw(Normals(3))
    with noise.applied(0.4):
        relative = torch.cat([
            (weight.detach() / before[name] - 1)[before[name] != 0] for name, weight in weights(trained).items()
        ])  # fmt: skip
        assert (trained.weight_rec.diagonal() == 0).all()
    assert relative.std().item() == pytest.approx(0.4, rel=0.1) and abs(relative.mean()) < 0.08
    assert all(torch.equal(tensor, before[name]) for name, tensor in trained.state_dict().items())


def test_all_evaluations_measure_it_but_the_one_without_a_rule(sequences):
    names = [name for name in registry.names("evaluations") if name not in ("interval_bounds", "weight_noise")]
    result = train_and_evaluate(config(sequences, evaluations=names, options={"srnn": {"units": 16}}))
    assert {measurement["evaluation"] for measurement in result["measurements"]} == {*names, "weight_noise"}
    with pytest.raises(ValueError, match="interval_bounds"):
        train_and_evaluate(config(sequences, evaluations=["interval_bounds"]))
