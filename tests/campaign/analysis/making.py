"""Run files of form 2, made by hand."""

from nnet.config import TrainConfig
from nnet.evaluations.parts import points

SPREAD = (-2, -1, 0, 1, 2)
STD = 0.01
"""Of the accuracy over the five draws of a made run."""


def result(seed=0, accuracies=(0.9, 0.8), diverged=False, columns=None, alpha_tests=(0, 0.1), **changed) -> dict:
    """The run file of a network with these mean accuracies at α_test = 0 and 0.1; the latter has five draws."""
    cfg = TrainConfig(seed=seed, alpha_tests=alpha_tests, **changed)
    clean, noisy = accuracies
    draws = [noisy + STD * shift / 2.5**0.5 for shift in SPREAD]
    at = [point(0.0, clean, loss=0.5), *(point(0.1, acc, draw) for draw, acc in enumerate(draws))]
    noise_model = cfg.noise_model if cfg.has_weight_noise else None
    return {
        "form": 2, "run_id": cfg.run_id, "dataset": cfg.dataset_name, "architecture": cfg.arch, "regime": cfg.regime,
        "seed": cfg.seed, "alpha_train": cfg.alpha_train, "noise_model": noise_model, "activation": cfg.activation,
        "p": cfg.p, "epochs": cfg.epochs, "train_loss": None if diverged else 0.4,
        "status": "diverged" if diverged else "ok", "train_seconds": 3.0, **(columns or {}),
        "diverged_epoch": 2 if diverged else None, "history": [], "config": cfg.training(), "provenance": {},
        "sha256": dict.fromkeys(("data", "initial_weights", "weights"), ""), "asked": cfg.measuring(),
        "measurements": [] if diverged else [measurement(cfg, at)],
    }  # fmt: skip


def point(strength, acc, draw=0, **more) -> dict:
    """One draw at one strength."""
    return {"strength": strength, "draw": draw, "acc": acc, "loss": 0.7} | more


def measurement(cfg: TrainConfig, at: list[dict], evaluation="weight_noise", columns=None, **settings) -> dict:
    """A measurement with these points, with the settings that the configuration asks for, or others."""
    (want,) = [want for want in points.wanted(cfg) if want.evaluation == evaluation]
    return {
        "evaluation": evaluation, "version": 1, "settings": want.settings | settings, "images_sha256": "of the images",
        "points": sorted(at, key=lambda one: (one["strength"], one["draw"])), "columns": columns or {}, "seconds": 1.0,
        "provenance": [],
    }  # fmt: skip


def also(run: dict, *further: dict) -> dict:
    """The run with further measurements."""
    return run | {"measurements": points.joined(run["measurements"], further)}
