"""The contract of every regime that the registry finds, and the noisy one against a plain reference."""

import functools
import hashlib

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional

from nnet import registry
from nnet.regimes import base, noisy
from nnet_models import build_model, train_and_evaluate
from tests.conftest import interrupted, sample_shape, small_run, timeless
from tests.nnet.evaluations.test_weight_noise import plain_draw, plain_stream

REGIMES = registry.names("regimes")


config = functools.partial(small_run, alpha_train=0.2, epochs=4, alpha_tests=(0, 0.1))
NORMALISED = dict(arch="lenet", options={"lenet": {"nfilters": 4}})
"""A small network with batch normalisation."""


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_learns(npz, regime):
    result = train_and_evaluate(config(npz, regime=regime))
    assert result["status"] == "ok"
    assert result["acc_0"] > 0.9
    assert result["history"][-1]["train_loss"] < 0.5 * result["history"][0]["train_loss"]


def assert_takes_corrupted_pixels(npz, **changed):
    small = dict(epochs=1, max_train_samples=16, alpha_tests=(0,)) | changed
    clean = train_and_evaluate(config(npz, **small))
    corrupted = train_and_evaluate(config(npz, **small, p=0.3))
    assert {run["status"] for run in (clean, corrupted)} == {"ok"}
    assert clean["sha256"]["initial_weights"] == corrupted["sha256"]["initial_weights"]
    assert clean["sha256"]["weights"] != corrupted["sha256"]["weights"]


@pytest.mark.parametrize("arch", [arch for arch in registry.names("architectures") if len(sample_shape(arch)) == 3])
def test_every_network_takes_corrupted_pixels(npz, arch):
    assert_takes_corrupted_pixels(npz, regime="clean", arch=arch)


@pytest.mark.parametrize("network", [dict(arch="mlp_small"), dict(arch="cnn"), NORMALISED], ids=lambda n: n["arch"])
@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_takes_corrupted_pixels_on_every_kind_of_network(npz, regime, network):
    assert_takes_corrupted_pixels(npz, regime=regime, **network)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_takes_additive_corruption(npz, regime):
    small = dict(regime=regime, epochs=1, max_train_samples=16, alpha_tests=(0,), p=0.3)
    replaced = train_and_evaluate(config(npz, **small))
    added = train_and_evaluate(config(npz, **small, corruption="additive", options={"additive": {"sigma": 1}}))
    assert added["status"] == "ok" and added["sha256"]["weights"] != replaced["sha256"]["weights"]


@pytest.mark.parametrize(
    ("regime", "network", "optimizer"),
    [
        *((regime, dict(arch="cnn"), "adam") for regime in REGIMES),
        *((regime, dict(arch="mlp_small"), "sgd") for regime in REGIMES),
        ("noisy", NORMALISED, "adam"),
    ],
    ids=str,
)
def test_every_regime_goes_on_after_an_interruption_with_the_same_bits(
    npz, tmp_path, monkeypatch, capsys, regime, network, optimizer
):
    small = dict(regime=regime, optimizer=optimizer, max_train_samples=20, epochs=3) | network
    whole = train_and_evaluate(config(npz, **small))
    cfg = config(npz, **small, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    interrupted(cfg, monkeypatch, 1)
    interrupted(cfg, monkeypatch, 1)  # goes on after the first epoch and ends after the second
    assert len(torch.load(cfg.partial_file, weights_only=True)["history"]) == 2
    for _ in range(2):  # the second time all epochs are there, and only the sweep is repeated
        assert timeless(train_and_evaluate(cfg)) == timeless(whole)
    assert capsys.readouterr().err == ""


class Averaging(base.Regime):
    """A regime that remembers something of its own, and draws from the process-wide generator."""

    def __init__(self, cfg, model, optimizer, options):
        super().__init__(cfg, model, optimizer)
        self.mean = 0.0

    def step(self, images, labels):
        loss = super().step(images * torch.rand(()), labels) * (1 + self.mean)
        self.mean = 0.9 * self.mean + 0.1 * loss.item()
        return loss

    def state_dict(self):
        return super().state_dict() | {"mean": self.mean}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.mean = state["mean"]


def test_what_a_regime_remembers_is_kept_and_the_process_wide_generator_starts_anew_in_every_epoch(
    npz, tmp_path, monkeypatch
):
    monkeypatch.setattr(noisy, "Regime", Averaging)
    whole = train_and_evaluate(config(npz, regime="noisy"))
    cfg = config(npz, regime="noisy", epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    interrupted(cfg, monkeypatch, 2)
    torch.manual_seed(12345)
    assert timeless(train_and_evaluate(cfg)) == timeless(whole)


def test_epochs_are_kept_no_oftener_than_asked_for(npz, tmp_path, monkeypatch):
    cfg = config(npz, regime="noisy", epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=3600)
    interrupted(cfg, monkeypatch, 3)
    assert list(tmp_path.iterdir()) == []


def test_clean_and_noisy_learn_different_weights(npz):
    clean, noisy = (train_and_evaluate(config(npz, regime=regime)) for regime in ("clean", "noisy"))
    assert clean["sha256"]["weights"] != noisy["sha256"]["weights"]


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude", "range"])
def test_noisy_without_noise_is_clean_bit_for_bit(npz, noise_model):
    clean = train_and_evaluate(config(npz, regime="clean", noise_model=noise_model))
    noisy = train_and_evaluate(config(npz, regime="noisy", alpha_train=0, noise_model=noise_model))
    assert noisy["sha256"] == clean["sha256"]
    assert noisy["sweep"] == clean["sweep"] and noisy["history"] == clean["history"]


@pytest.mark.parametrize("p", [0, 0.3])
def test_runs_of_one_seed_share_initial_weights_and_batches(npz, monkeypatch, p):
    seen = []
    step = base.Regime.step

    def recording(self, images, labels):
        seen[-1].update(images.contiguous().numpy().tobytes() + labels.numpy().tobytes())
        return step(self, images, labels)

    monkeypatch.setattr(base.Regime, "step", recording)
    starts = []
    for regime, seed in [*((regime, 0) for regime in REGIMES), ("clean", 1)]:
        seen.append(hashlib.sha256())
        starts.append(
            train_and_evaluate(config(npz, regime=regime, seed=seed, p=p, epochs=2))["sha256"]["initial_weights"]
        )
    digests = [digest.hexdigest() for digest in seen]
    assert len(set(starts[:-1])) == 1 and len(set(digests[:-1])) == 1
    assert starts[-1] != starts[0] and digests[-1] != digests[0]


@pytest.mark.parametrize("regime", REGIMES)
def test_a_step_moves_batch_normalisation_once(npz, regime):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 3))
    optimizer = torch.optim.Adam(model.parameters())
    options = registry.make_options("regimes", regime, {})
    rule = registry.load("regimes", regime).Regime(config(npz, regime=regime), model, optimizer, **options)
    model.train()
    rule.start_epoch(1)
    for _ in range(3):
        rule.step(torch.rand(5, 3, 8, 8), torch.tensor([0, 1, 2, 0, 1]))
    assert model[1].num_batches_tracked.item() == 3


def plain_network(arch):
    """The same layers in plain PyTorch."""
    if arch == "resnet18":
        return torchvision.models.resnet18(weights=None, num_classes=3)
    if arch == "mlp_small":
        layers = [nn.Flatten(), nn.Linear(3 * 144, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(128, 3))
    layers, channels = [], 3
    for width in (32, 64, 64):
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64, 3))


def plain_step(model, optimizer, x, y, stream, alpha, noise_model):
    """Add noise to the weights, take gradients, put the weights back, then a step of PyTorch's Adam."""
    skipped = (nn.BatchNorm2d,)
    weights = [m.weight for m in model.modules() if hasattr(m, "weight") and not isinstance(m, skipped)]
    clean = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for weight, normal in zip(weights, plain_draw(stream, [w.shape for w in weights]), strict=True):
            sizes = {"tensor_std": weight.std(), "magnitude": weight.abs(), "range": weight.abs().max()}
            weight += alpha * sizes[noise_model] * normal.to(weight.dtype)
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(x), y)
    loss.backward()
    with torch.no_grad():
        for weight, before in zip(weights, clean, strict=True):
            weight.copy_(before)
    optimizer.step()
    return loss.detach()


def trained_in_both_ways(npz, dtype, arch, noise_model, alpha):
    """Weights and losses after some batches of one-channel images by the regime and by the plain reference."""
    torch.manual_seed(1)
    model, plain = build_model(arch, image_shape=(3, 12, 12), num_classes=3).to(dtype), plain_network(arch).to(dtype)
    for target, source in zip(plain.parameters(), model.parameters(), strict=True):
        target.data.copy_(source)
    cfg = config(npz, arch=arch, regime="noisy", alpha_train=alpha, noise_model=noise_model, seed=4)
    rule = noisy.Regime(cfg, model, torch.optim.Adam(model.parameters(), fused=True), noisy.Options())
    optimizer = torch.optim.Adam(plain.parameters(), fused=False, foreach=False)
    model.train()
    plain.train()
    rule.start_epoch(2)
    stream = plain_stream(4, "weight_noise", 2)
    steps, losses = 2 if arch == "resnet18" else 4, []
    for x, y in zip(torch.rand(steps, 20, 1, 12, 12, dtype=dtype), torch.randint(3, (steps, 20)), strict=True):
        ours = rule.step(x.expand(-1, 3, -1, -1), y)
        losses.append((ours, plain_step(plain, optimizer, x.repeat(1, 3, 1, 1), y, stream, alpha, noise_model)))
    return model, plain, losses


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude", "range"])
@pytest.mark.parametrize("arch", ["mlp_small", "cnn", "resnet18"])
def test_the_fast_step_is_the_plain_step_up_to_rounding_in_double_precision(npz, arch, noise_model):
    model, plain, losses = trained_in_both_ways(npz, torch.float64, arch, noise_model, alpha=0.3)
    for ours, expected in losses:
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    for ours, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("arch", ["mlp_small", "cnn"])
def test_the_fast_step_agrees_with_the_plain_step_in_single_precision(npz, arch):
    _, _, losses = trained_in_both_ways(npz, torch.float32, arch, "tensor_std", alpha=0.3)
    for ours, expected in losses:
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_on_a_gpu_a_run_learns_under_all_noise(npz):
    noisy = dict(regime="noisy", p=0.2, corrupt_test=True, use_cuda=True)
    for arch in ("mlp_small", "cnn"):
        first, second = (train_and_evaluate(config(npz, arch=arch, **noisy)) for _ in range(2))
        assert first["acc_0"] > 0.8 and first["provenance"]["device"] != "cpu"
        assert second["sha256"]["initial_weights"] == first["sha256"]["initial_weights"]
