"""The contract of every regime that the registry finds, and the noisy one against a plain reference."""

import hashlib

import pytest
import torch
from torch import nn
from torch.nn import functional

import nnet_models
from nnet import registry
from nnet.config import TrainConfig
from nnet.regimes import base, noisy
from nnet_models import build_model, train_and_evaluate
from tests.nnet.test_sweep import plain_stream

REGIMES = registry.names("regimes")


def config(npz, **changed) -> TrainConfig:
    fields = dict(
        dataset=npz, image_size=8, arch="mlp_small", alpha_train=0.2, epochs=4, batch_size=16, noise_samples=2
    )
    return TrainConfig(**fields | dict(alpha_tests=(0, 0.1)) | changed)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_learns(npz, regime):
    result = train_and_evaluate(config(npz, regime=regime))
    assert result["status"] == "ok"
    assert result["acc_0"] > 0.9
    assert result["history"][-1]["train_loss"] < 0.5 * result["history"][0]["train_loss"]


class Interrupted(Exception):
    """What ends a run between two epochs in these tests."""


def interrupted(cfg: TrainConfig, monkeypatch, epochs: int) -> None:
    """Train so many epochs of a run, keep the last one, and end."""
    epoch = nnet_models.train_one_epoch
    left = iter([True] * epochs)

    def limited(*arguments):
        if next(left, None) is None:
            raise Interrupted
        return epoch(*arguments)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(nnet_models, "train_one_epoch", limited)
        train_and_evaluate(cfg)


def timeless(result: dict) -> dict:
    return {name: value for name, value in result.items() if not name.endswith("_seconds")}


@pytest.mark.parametrize(("arch", "optimizer"), [("resnet18", "adam"), ("mlp_small", "sgd")])
@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_goes_on_after_an_interruption_with_the_same_bits(
    npz, tmp_path, monkeypatch, capsys, regime, arch, optimizer
):
    small = dict(regime=regime, arch=arch, optimizer=optimizer, max_train_samples=48, epochs=3)
    whole = train_and_evaluate(config(npz, **small))
    cfg = config(npz, **small, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    interrupted(cfg, monkeypatch, 1)
    interrupted(cfg, monkeypatch, 1)  # goes on after the first epoch and ends after the second
    assert len(torch.load(cfg.partial_file, weights_only=True)["history"]) == 2
    for _ in range(2):  # the second time all epochs are there and the sweep alone is done again
        assert timeless(train_and_evaluate(cfg)) == timeless(whole)
    assert capsys.readouterr().err == ""


class Averaging(base.Regime):
    """A regime that remembers something of its own, and draws from the process-wide generator."""

    def __init__(self, cfg, model, optimizer):
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


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude"])
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
        starts.append(train_and_evaluate(config(npz, regime=regime, seed=seed, p=p))["sha256"]["initial_weights"])
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


@pytest.mark.parametrize("noise_model", ["tensor_std", "magnitude"])
def test_noisy_steps_agree_with_a_plain_reference(npz, noise_model):
    """Noise added to a copy of the network, its gradients carried over, plain Adam on the clean weights."""
    images, labels = torch.rand(3, 20, 3, 8, 8), torch.randint(3, (3, 20))
    torch.manual_seed(1)
    model = build_model("cnn", image_shape=(3, 8, 8), num_classes=3)
    plain = build_model("cnn", image_shape=(3, 8, 8), num_classes=3)
    plain.load_state_dict(model.state_dict())
    cfg = config(npz, arch="cnn", regime="noisy", alpha_train=0.3, noise_model=noise_model, seed=4)
    rule = registry.load("regimes", "noisy").Regime(cfg, model, torch.optim.Adam(model.parameters(), fused=True))
    rule.start_epoch(2)
    generator = plain_stream(4, "weight_noise", 2)
    optimizer = torch.optim.Adam(plain.parameters())
    for x, y in zip(images, labels, strict=True):
        loss = rule.step(x, y)
        shifted = build_model("cnn", image_shape=(3, 8, 8), num_classes=3)
        shifted.load_state_dict(plain.state_dict())
        with torch.no_grad():
            for name, weight in shifted.named_parameters():
                if name.endswith("weight"):
                    scale = weight.std() if noise_model == "tensor_std" else weight.abs()
                    weight += 0.3 * scale * torch.randn(weight.shape, generator=generator)
        expected = functional.cross_entropy(shifted(x), y)
        expected.backward()
        for target, source in zip(plain.parameters(), shifted.parameters(), strict=True):
            target.grad = source.grad
        optimizer.step()
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
    for ours, reference in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-5)
