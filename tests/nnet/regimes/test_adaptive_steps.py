"""Single steps with adaptive noise, against plain references."""

import copy
import math

import pytest
import torch

from nnet.perturbations.tensor_noise import TensorNoise
from nnet.perturbations.tensors import weight_tensors
from nnet.random import streams
from nnet.regimes.parts.controller import Noise
from nnet_models import build_model
from tests.nnet.evaluations.test_weight_noise import plain_draw, plain_stream
from tests.nnet.regimes.adaptive_runs import CPU, STUCK, batch, plain_gradients, rms, set_up


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_noise_has_its_standard_deviation_and_belongs_to_its_seed(distribution):
    def drawn(seed):
        out = torch.empty(1000, 1000)
        TensorNoise(distribution, seed, "weight_noise", 1, CPU).add(torch.zeros(1000, 1000), 0.7, out)
        return out

    noise = drawn(0)
    assert noise.std().item() == pytest.approx(0.7, rel=0.01) and abs(noise.mean().item()) < 0.003
    assert torch.equal(noise, drawn(0)) and not torch.equal(noise, drawn(1))
    if distribution == "uniform":
        assert 0.999 < noise.abs().max().item() / (0.7 * math.sqrt(3)) <= 1 + 1e-6


def changed_tensors(npz, kind: str, arch: str, tensors: str | None) -> set[str]:
    """Names of the tensors that a step of static noise leaves other than a step without noise."""
    after = []
    for strength in (0.0, 0.3):
        options = {"mode": "static", "static_noise": kind} | ({} if tensors is None else {"tensors": tensors})
        if kind == "weight":
            options["legacy_permanent"] = True
        regime, model = set_up(npz, lr=0.1 * (kind == "gradient"), options=options, alpha_train=strength, arch=arch)
        regime.step(*batch())
        after.append({name: tensor.clone() for name, tensor in model.named_parameters()})
    return {name for name, tensor in after[0].items() if not torch.equal(tensor, after[1][name])}


@pytest.mark.parametrize("kind", ["gradient", "weight"])
def test_a_filter_chooses_the_tensors_whose_name_has_one_of_its_parts(npz, kind):
    assert changed_tensors(npz, kind, "tiny_cnn", "conv1") == {"conv1.weight", "conv1.bias"}
    assert changed_tensors(npz, kind, "tiny_cnn", "conv2.bias, fc1") == {"conv2.bias", "fc1.weight", "fc1.bias"}
    assert changed_tensors(npz, kind, "tiny_cnn", "bias") == {
        f"{name}.bias" for name in ("conv1", "conv2", "fc1", "fc2")
    }


def test_without_a_filter_gradient_noise_goes_everywhere_and_weight_noise_where_the_sweeps_goes(npz):
    model = build_model("cifar_resnet18", image_shape=(3, 8, 8), num_classes=3)
    parameters = {name for name, _ in model.named_parameters()}
    weights = {name for name, tensor in model.named_parameters() if any(tensor is w for w in weight_tensors(model))}
    assert changed_tensors(npz, "gradient", "cifar_resnet18", None) == parameters
    assert changed_tensors(npz, "weight", "cifar_resnet18", None) == weights
    for tensors in ("conv7", "conv1,conv7"):
        with pytest.raises(ValueError, match="option 'tensors': 'conv7' matches no tensor; there are .*conv1.weight"):
            set_up(npz, options={"tensors": tensors})


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_temporary_weight_noise_leaves_the_weights_and_its_gradient_is_that_at_the_perturbed_ones(npz, distribution):
    images, labels = batch()
    options = {"mode": "static", "distribution": distribution}
    regime, model = set_up(npz, options=options)
    before = copy.deepcopy(model.state_dict())
    regime.step(images, labels)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())

    plain = build_model("baby_cnn", image_shape=(3, 8, 8), num_classes=3)
    plain.load_state_dict(before)
    noise = TensorNoise(distribution, 0, "static_noise", 1, CPU)
    with torch.no_grad():
        for weight in weight_tensors(plain):
            noise.add(weight, 0.3 * rms(weight).item(), weight)
    expected = plain_gradients(plain, images, labels)
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-5, atol=1e-7)

    moving, moved = set_up(npz, options=options, lr=0.5)
    moving.step(images, labels)
    for (name, parameter), gradient in zip(moved.named_parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.detach(), before[name] - 0.5 * gradient, rtol=1e-5, atol=1e-7)


def weights_in_a_step(regime, model) -> list[torch.Tensor]:
    """What the weights are while a batch is taken."""
    seen = []
    hook = model.register_forward_hook(lambda *_: seen.extend(w.detach().clone() for w in weight_tensors(model)))
    regime.step(*batch())
    hook.remove()
    return seen


def test_gaussian_weight_noise_is_the_plain_draw_of_its_stream(npz):
    regime, model = set_up(npz, options={"mode": "static"})
    clean = [weight.detach().clone() for weight in weight_tensors(model)]
    draws = plain_draw(plain_stream(0, "static_noise", 1), [weight.shape for weight in clean])
    for weight, draw, perturbed in zip(clean, draws, weights_in_a_step(regime, model), strict=True):
        expected = weight.double() + 0.3 * rms(weight) * draw.double()
        torch.testing.assert_close(perturbed.double(), expected, rtol=1e-5, atol=1e-6)


def test_permanent_noise_as_published_is_a_random_walk(npz):
    options = {"mode": "static", "legacy_permanent": True, "legacy_absolute": True}
    regime, model = set_up(npz, options=options, alpha_train=0.05, arch="tiny_cnn")
    before = [weight.detach().clone() for weight in weight_tensors(model)]
    for _ in range(16):
        regime.step(*batch())
    for weight, was in zip(weight_tensors(model), before, strict=True):
        tolerance = 4 / math.sqrt(2 * weight.numel())
        assert (weight.detach() - was).std().item() == pytest.approx(0.05 * 4, rel=tolerance)


def test_permanent_noise_is_one_kick_for_an_activation(npz):
    regime, model = set_up(npz, options={"permanent": True}, arch="tiny_cnn", epochs=40)
    for epoch, activated in enumerate([True, False, False, True], 5):
        regime.controller.noise = Noise("weight", 0.2, (), activated)
        before = [weight.detach().clone() for weight in weight_tensors(model)]
        regime.start_epoch(epoch)
        regime.step(*batch())
        regime.step(*batch())
        for weight, was in zip(weight_tensors(model), before, strict=True):
            expected = 0.2 if activated else 0.0
            assert ((weight.detach() - was).norm() / was.norm()).item() == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_gradient_noise_is_added_to_the_gradient_before_weight_decay(npz, distribution):
    images, labels = batch()
    options = {"mode": "static", "static_noise": "gradient", "distribution": distribution}
    regime, model = set_up(npz, options=options, lr=0.5, weight_decay=0.1)
    plain = copy.deepcopy(model)
    gradients = plain_gradients(plain, images, labels)
    noise = TensorNoise(distribution, 0, "static_noise", 1, CPU)
    regime.step(images, labels)
    for was, parameter, gradient in zip(plain.parameters(), model.parameters(), gradients, strict=True):
        noisy = torch.empty_like(gradient)
        noise.add(gradient, 0.3 * rms(gradient).item(), noisy)
        torch.testing.assert_close(parameter.grad, noisy, rtol=1e-4, atol=1e-7)
        torch.testing.assert_close(parameter, was - 0.5 * (noisy + 0.1 * was), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("arch", ["tiny_cnn", "mlp_small"])
@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("kind", ["gradient", "weight"])
def test_noise_is_as_large_as_its_strength_says_whatever_the_network(npz, arch, distribution, kind):
    options = {"mode": "static", "static_noise": kind, "distribution": distribution}
    regime, model = set_up(npz, options=options, arch=arch, alpha_train=0.2)
    if kind == "weight":
        clean = [weight.detach().clone() for weight in weight_tensors(model)]
        noisy = weights_in_a_step(regime, model)
    else:
        clean = plain_gradients(copy.deepcopy(model), *batch())
        regime.step(*batch())
        noisy = [parameter.grad for parameter in model.parameters()]
    large = [(was, perturbed) for was, perturbed in zip(clean, noisy, strict=True) if was.numel() >= 1e4]
    assert len(large) >= 2
    for was, perturbed in large:
        assert ((perturbed - was).norm() / was.norm()).item() == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("mode", ["adaptive", "static+adaptive"])
@pytest.mark.parametrize("permanent", [False, True])
def test_the_kind_of_noise_may_change_both_ways(npz, mode, permanent):
    regime, _ = set_up(npz, options={"mode": mode, "permanent": permanent}, lr=0.01, epochs=40)
    for epoch, kind in enumerate(["weight", "gradient", "weight", None, "gradient", "weight"], 2):
        regime.controller.noise = Noise(kind, 0.1 * (kind is not None), (), activated=kind is not None)
        regime.start_epoch(epoch)
        loss = regime.step(*batch())
        row = regime.end_epoch({"epoch": epoch, "train_loss": loss.item(), "val_loss": 1.0})
        assert row["noise"] == kind and math.isfinite(row["gradient_norm"]) and row["update_norm"] > 0


def test_the_gradient_norm_is_that_before_noise(npz):
    norms = []
    for strength in (0.0, 0.5):
        regime, model = set_up(npz)
        regime.controller.noise = Noise("gradient", strength)
        regime.start_epoch(2)
        regime.step(*batch())
        norms.append(regime.end_epoch({"epoch": 2, "train_loss": 1.0, "val_loss": 1.0})["gradient_norm"])
    quiet, noisy = norms
    assert quiet == noisy
    plain = torch.cat([gradient.flatten() for gradient in plain_gradients(model, *batch())])
    assert quiet == pytest.approx(plain.norm().item(), rel=1e-4)


def test_the_update_norm_is_relative_to_the_weights(npz):
    regime, model = set_up(npz, options=STUCK, lr=0.1)
    before = torch.cat([parameter.detach().flatten().clone() for parameter in model.parameters()])
    for _ in range(3):
        regime.step(*batch())
    after = torch.cat([parameter.detach().flatten() for parameter in model.parameters()])
    measured = regime.end_epoch({"epoch": 1, "train_loss": 1.0, "val_loss": 1.0})["update_norm"]
    assert measured == pytest.approx(((after - before).norm() / before.norm()).item(), rel=1e-4)


def test_streams_of_gradient_and_weight_noise_are_their_own():
    drawn = [
        streams.normals(0, purpose, 1).draw(torch.Size([100])).numbers()
        for purpose in ("weight_noise", "gradient_noise", "static_noise", "sweep")
    ]
    assert len({tuple(numbers.tolist()) for numbers in drawn}) == 4
