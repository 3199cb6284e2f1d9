"""Whole runs with adaptive noise, against runs without it."""

import json
import math

import pytest

from nnet.regimes import base
from nnet_models import train_and_evaluate
from tests.conftest import interrupted, timeless
from tests.nnet.regimes.adaptive_runs import STALE, STUCK, config


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
