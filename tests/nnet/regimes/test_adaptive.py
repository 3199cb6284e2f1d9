"""Training with adaptive noise, against plain references."""

import copy
import functools
import json
import math

import pytest
import torch
from torch.nn import functional

from nnet.perturbations.tensor_noise import TensorNoise
from nnet.perturbations.tensors import weight_tensors
from nnet.random import streams
from nnet.regimes import adaptive, base
from nnet.regimes.parts.adaptive_options import Options
from nnet.regimes.parts.controller import Noise
from nnet_models import build_model, train_and_evaluate
from tests.conftest import interrupted, small_run, timeless
from tests.nnet.evaluations.test_sweep import plain_draw, plain_stream

CPU = torch.device("cpu")
STUCK = {"min_epochs": 1, "window": 2, "low_update": 1e9}
"""Options with which every epoch from the third on is flagged for gradient noise."""
STALE = {"min_epochs": 1, "window": 2, "low_update": 0.0, "gradient_plateau": 1e-12, "val_plateau": 1e9}
"""Options with which every epoch from the third on is flagged for weight noise."""


config = functools.partial(
    small_run, arch="baby_cnn", regime="adaptive", alpha_train=0.3, epochs=6, validation_share=0.25
)


def set_up(npz, optimizer=torch.optim.SGD, lr=0.0, epoch=1, options=None, weight_decay=0.0, **changed):
    """A regime at the start of an epoch, with a network and an optimizer that does not move it by default."""
    cfg = config(npz, options=options or {}, **changed)
    torch.manual_seed(0)
    model = build_model(cfg.arch, image_shape=(3, 8, 8), num_classes=3)
    regime = adaptive.Regime(
        cfg, model, optimizer(model.parameters(), lr=lr, weight_decay=weight_decay), Options(**(options or {}))
    )
    regime.start_epoch(epoch)
    return regime, model


def batch():
    torch.manual_seed(1)
    return torch.rand(16, 3, 8, 8), torch.randint(3, (16,))


def plain_gradients(model, images, labels) -> list[torch.Tensor]:
    return list(torch.autograd.grad(functional.cross_entropy(model(images), labels), list(model.parameters())))


def rms(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double().square().mean().sqrt()


def test_the_learning_rate_of_every_step(npz, monkeypatch):
    seen = []
    step = base.Regime.step

    def recording(self, images, labels):
        seen.append(self.optimizer.param_groups[0]["lr"])
        return step(self, images, labels)

    monkeypatch.setattr(base.Regime, "step", recording)
    cfg = config(npz, epochs=5, lr_schedule="cosine_restarts", lr_restart_epochs=2, learning_rate=0.1)
    result = train_and_evaluate(cfg)
    steps = 5  # of 72 images in batches of 16
    assert len(seen) == 5 * steps
    for k, rate in enumerate(seen):
        peak = 0.1 - min(1, k / (3 * steps)) * (0.1 - 1e-5)
        assert rate == pytest.approx(1e-6 + 0.5 * (peak - 1e-6) * (1 + math.cos(math.pi * (k % 10) / 10)), rel=1e-12)
    assert result["status"] == "ok"


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


def test_without_noise_training_is_clean_bit_for_bit(npz):
    clean = train_and_evaluate(config(npz, regime="clean"))
    off = train_and_evaluate(config(npz, options={"mode": "off"}))
    silent = train_and_evaluate(config(npz, alpha_train=0, options=STUCK))
    assert off["sha256"] == silent["sha256"] == clean["sha256"]
    assert off["history"] == clean["history"] and off["sweep"] == silent["sweep"] == clean["sweep"]


@pytest.mark.parametrize("options", [STUCK, STALE])
def test_training_is_clean_bit_for_bit_up_to_the_first_noisy_epoch(npz, options):
    clean = train_and_evaluate(config(npz, regime="clean"))
    noisy = train_and_evaluate(config(npz, options=options))
    first = noisy["first_noisy_epoch"]
    assert first == 3
    for ours, reference in zip(noisy["history"], clean["history"], strict=True):
        same = all(ours[name] == reference[name] for name in ("train_loss", "val_loss", "val_acc"))
        assert same is (ours["epoch"] < first)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", lambda e, _: 1),
        ("linear", lambda e, epochs: 1 - e / epochs),
        ("cosine", lambda e, epochs: 0.5 * (1 + math.cos(math.pi * e / epochs))),
        ("exponential", lambda e, _: 0.95**e),
    ],
)
def test_static_noise_follows_its_schedule(npz, schedule, expected):
    result = train_and_evaluate(
        config(npz, epochs=12, options={"mode": "static", "schedule": schedule, "static_noise": "gradient"})
    )
    for e, row in enumerate(result["history"]):
        assert row["noise"] == "gradient" and row["strength"] == pytest.approx(0.3 * expected(e, 12))
    if schedule == "exponential":
        assert result["history"][10]["strength"] == pytest.approx(0.5987 * 0.3, abs=1e-4)
    if schedule == "cosine":
        assert result["history"][6]["strength"] == pytest.approx(0.5 * 0.3)


def test_noise_of_strength_0_is_no_noise(npz):
    for options in ({"mode": "static"}, STUCK):
        result = train_and_evaluate(config(npz, alpha_train=0, options=options))
        assert {(row["noise"], row["strength"]) for row in result["history"]} == {(None, 0.0)}
        assert (result["noisy_epochs"], result["first_noisy_epoch"]) == (0, None)


def test_static_noise_with_adaptive_noise_on_top_has_both(npz):
    result = train_and_evaluate(config(npz, options=STUCK | {"mode": "static+adaptive", "schedule": "linear"}))
    assert [row["static_strength"] for row in result["history"]] == pytest.approx([0.3 * (1 - e / 6) for e in range(6)])
    assert [row["noise"] for row in result["history"]] == [None, None, "gradient", "gradient", "gradient", None]
    assert (result["first_noisy_epoch"], result["noisy_epochs"]) == (1, 6) and result["val_acc_before_noise"] is None
    alone = train_and_evaluate(config(npz, options={"mode": "static", "schedule": "linear"}))
    losses = [[row["train_loss"] for row in run["history"]] for run in (result, alone)]
    assert losses[0][:2] == losses[1][:2] and losses[0][3] != losses[1][3]


def test_a_run_is_strict_json_and_says_what_happened(npz):
    result = json.loads(json.dumps(train_and_evaluate(config(npz, options=STALE)), allow_nan=False))
    history = result["history"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    assert all((row["strength"] > 0) is (row["noise"] is not None) for row in history)
    assert [event["epoch"] for event in result["events"] if event["event"] == "activation"] == [3]
    accuracies = [row["val_acc"] for row in history]
    assert result["val_acc_last"] == accuracies[-1] and result["val_acc_best"] == max(accuracies)
    assert result["val_acc_best_epoch"] == 1 + accuracies.index(max(accuracies))
    assert (result["first_noisy_epoch"], result["noisy_epochs"]) == (3, 3)
    assert result["val_acc_before_noise"] == accuracies[1] and result["val_acc_best_after_noise"] == max(accuracies[2:])
    assert {"acc_0", "test_loss"} <= result.keys()


@pytest.mark.parametrize("regime", ["clean", "adaptive"])
def test_a_run_that_diverges_ends_at_once_and_names_the_epoch(npz, regime):
    result = train_and_evaluate(config(npz, regime=regime, optimizer="sgd", learning_rate=1e12, epochs=50))
    assert result["status"] == "diverged" and result["acc_0"] is None
    assert len(result["history"]) == result["diverged_epoch"] <= 3
    json.dumps(result, allow_nan=False)


def test_noise_comes_rests_and_comes_again(npz):
    options = STALE | {"rest_after": 1, "cooldown_min": 2, "cooldown_max": 2}
    result = train_and_evaluate(config(npz, epochs=8, options=options))
    told = [(event["event"], event["epoch"]) for event in result["events"] if event["event"] != "flags"]
    assert told == [("activation", 3), ("rest", 4), ("activation", 6), ("rest", 7)]
    assert [row["epoch"] for row in result["history"] if row["noise"]] == [3, 6]
    assert result["acc_0"] > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "sometimes"}, "unknown mode 'sometimes'.*static"),
        ({"distribution": "cauchy"}, "unknown distribution"),
        ({"schedule": "constant"}, "option 'schedule' has no effect in mode 'adaptive'"),
        ({"mode": "static", "window": 5}, "option 'window' has no effect in mode 'static'"),
        ({"mode": "off", "distribution": "gaussian"}, "option 'distribution' has no effect in mode 'off'"),
        ({"window": 1}, "window must be at least 2"),
        ({"min_epochs": 0}, "min_epochs must be at least 1"),
        ({"cooldown_min": 9, "cooldown_max": 3}, "cooldown_min 9 is above cooldown_max 3"),
        ({"min_share": 1.5}, "min_share must be between 0 and 1"),
        ({"val_plateau": 0}, "val_plateau must be above 0"),
        ({"permanent": 1}, "permanent must be True or False"),
        ({"permanent": True, "legacy_permanent": True}, "exclude each other"),
        ({"min_epochs": 6}, "min_epochs 6 leaves none of 6 epochs to look at"),
        ({"window": 6}, "window 6 does not fit into 6 epochs"),
        (
            {"mode": "static", "static_noise": "gradient", "legacy_permanent": True},
            "option 'legacy_permanent' has no effect without weight noise",
        ),
    ],
)
def test_wrong_options_are_one_sentence(npz, options, message):
    with pytest.raises(ValueError, match=message):
        train_and_evaluate(config(npz, options=options))


def test_flags_of_validation_need_validation_images(npz):
    for options in ({"val_plateau": 1e-3}, {"permanent": True}):
        with pytest.raises(ValueError, match="has no effect without validation images"):
            train_and_evaluate(config(npz, validation_share=0, options=options))
    with pytest.raises(ValueError, match="option 'legacy_permanent' has no effect without weight noise"):
        train_and_evaluate(config(npz, validation_share=0, options={"legacy_permanent": True}))
    result = train_and_evaluate(config(npz, validation_share=0, options=STUCK))
    assert "val_acc_last" not in result and result["noisy_epochs"] == 3


def test_streams_of_gradient_and_weight_noise_are_their_own():
    drawn = [
        streams.normals(0, purpose, 1).draw(torch.Size([100])).numbers()
        for purpose in ("weight_noise", "gradient_noise", "static_noise", "sweep")
    ]
    assert len({tuple(numbers.tolist()) for numbers in drawn}) == 4


@pytest.mark.parametrize(
    "options",
    [
        STUCK | {"distribution": "uniform"},
        STALE | {"rest_after": 1, "cooldown_min": 1, "cooldown_max": 1},
        STALE | {"permanent": True},
        STUCK | {"mode": "static+adaptive", "schedule": "exponential"},
    ],
)
@pytest.mark.parametrize("epochs", [1, 3, 4])
def test_an_interrupted_run_goes_on_with_the_same_noise_and_the_same_events(
    npz, tmp_path, monkeypatch, options, epochs
):
    fields = dict(options=options, lr_schedule="cosine_restarts", lr_restart_epochs=5, augmentation="crop_flip")
    whole = train_and_evaluate(config(npz, **fields))
    cfg = config(npz, **fields, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    interrupted(cfg, monkeypatch, epochs)
    assert timeless(train_and_evaluate(cfg)) == timeless(whole)
    assert whole["noisy_epochs"] > 0
