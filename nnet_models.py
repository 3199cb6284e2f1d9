"""One run, from top to bottom: set up, train, sweep over weight noise, evaluate, return the result."""

import functools
import math
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from nnet import registry
from nnet.activations import get_activation
from nnet.architectures.base import ARCH_NAMES, build_model
from nnet.architectures.parts import standardize
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.data.batches import Batch, Batches
from nnet.evaluations import base as evaluations
from nnet.evaluations.parts import running_accuracy
from nnet.evaluations.parts.sweep import sweep
from nnet.files import checkpoint
from nnet.optimizers import OPTIMIZERS
from nnet.random import streams
from nnet.record import provenance
from nnet.record.unfinished import Partial
from nnet.regimes.base import Regime
from nnet.training import precision as precisions
from nnet.training import validation
from nnet.training.lr_schedule import scheduled

__all__ = [
    "ARCH_NAMES",
    "TrainConfig",
    "build_model",
    "evaluate",
    "get_activation",
    "get_device",
    "set_seed",
    "train_and_evaluate",
    "train_one_epoch",
    "try_set_up",
]

_only_run = threading.Lock()


def train_and_evaluate(cfg: TrainConfig) -> dict:
    """Train one network, sweep weight noise over it, evaluate it, and return the result of the run, JSON-able.

    The result has the columns of the per-run table; `sweep`: a row per α_test, then the rows of `evaluations` with the
    name of their `evaluation`; `history`: a row per epoch; `config`: the science fields; `provenance`; `sha256` of the
    data and of the weights before and after training. On one kind of machine, with one number of threads, all of it but
    `train_seconds` and `sweep_seconds` is the same bit for bit. A loss that is not finite ends the run as `diverged`.
    The weights are written to <checkpoint_dir>/<dataset>/<run_id>.pt. With `epoch_checkpoint_dir` a run that was killed
    resumes after the last stored epoch with the same bits; the caller removes that file once the result is safe.

    Workers of a campaign keep freed memory (see `campaign.engines.workers.environment`); in a direct call, unless the
    shell sets these variables, a training step of `cnn` can take half as long again.

    Raises ConfigError for data or an architecture that do not fit the configuration, CannotWrite (an OSError) if a
    checkpoint cannot be written, and RuntimeError if another run is active in this process, whose state runs share.
    """
    with _alone(cfg.cpu_threads):
        run = _set_up(cfg)
        initial = provenance.weights_sha256(run.model)
        history, train_seconds = _train(run)
        trained = time.perf_counter()
        rows, further = ([], {}) if _diverged(history[-1]) else _measured(run)
        seconds = {"train_seconds": train_seconds, "sweep_seconds": time.perf_counter() - trained}
        if cfg.checkpoint_dir is not None:
            weights = {name: tensor.cpu() for name, tensor in run.model.state_dict().items()}
            checkpoint.save(Path(cfg.checkpoint_dir) / cfg.dataset_name / f"{cfg.run_id}.pt", weights)
        hashes = {"data": run.batches.images.sha256, "initial_weights": initial}
        hashes["weights"] = provenance.weights_sha256(run.model)
        return _result(run, history, rows, seconds, further) | {"sha256": hashes}


def try_set_up(cfg: TrainConfig) -> str:
    """Set a run up without training; returns the SHA-256 of its data. Raises what the run would raise up to there."""
    with _alone(cfg.cpu_threads):
        return _set_up(cfg).batches.images.sha256


def set_seed(seed: int) -> None:
    """Seed the process-wide generators of Python, NumPy and torch; `seed`: 0 to 2⁶³ − 1."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def get_device(use_cuda: bool = False) -> torch.device:
    """The CPU, or the GPU if `use_cuda`. Raises ConfigError if there is none."""
    if use_cuda and not torch.cuda.is_available():
        raise ConfigError("use_cuda=True, but torch finds no CUDA device here")
    return torch.device("cuda" if use_cuda else "cpu")


def train_one_epoch(model: nn.Module, regime: Regime, batches: Iterable[Batch]) -> float:
    """Let the regime take every batch once; returns the mean loss per image, or the first loss that is not finite."""
    model.train()
    losses, sizes = [], []
    for images, labels in batches:
        losses.append(regime.step(images, labels))
        sizes.append(len(labels))
    values = torch.stack(losses).tolist()  # once at the end: waiting for a GPU in every step is slow
    mean = sum(loss * size for loss, size in zip(values, sizes, strict=True)) / sum(sizes)
    return next((loss for loss in values if not math.isfinite(loss)), mean)


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[Batch], precision: str = "fp32") -> tuple[float, float]:
    """Accuracy (correct / total) and mean cross-entropy in evaluation mode; an image whose logits have a NaN is wrong.

    `batches`: pairs of images (float32 B×C×H×W in [0, 1]) and labels (int64 B) of any size; `precision`: fp32 or bf16.
    """
    model.eval()
    correct, losses, total = [], [], 0
    for images, labels in batches:
        logits = precisions.logits(model, images, precision)
        highest, classes = logits.max(1)
        correct.append(((classes == labels) & ~highest.isnan()).sum())
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
        total += len(labels)
    return sum(torch.stack(correct).tolist()) / total, sum(torch.stack(losses).tolist()) / total


@dataclass
class _Run:
    cfg: TrainConfig
    batches: Batches
    model: nn.Module
    regime: Regime
    partial: Partial
    evaluations: dict[str, dict]  # options by name


@contextmanager
def _alone(cpu_threads: int) -> Iterator[None]:
    if not _only_run.acquire(blocking=False):
        raise RuntimeError("another run is under way in this process; a process does one run at a time")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(cpu_threads)
        torch.set_flush_denormal(True)  # the optimizer's moments of dead neurons become denormal: slow
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        _only_run.release()


def _set_up(cfg: TrainConfig) -> _Run:
    device = get_device(cfg.use_cuda)
    images = prepared.load(cfg.dataset, cfg.image_size, cfg.data_dir)
    batches = Batches(cfg, images, device)
    names = registry.option_names("architectures", cfg.arch)
    options = {name: value for name, value in cfg.options.items() if name in names}
    set_seed(streams.seed_of(cfg.seed, "init"))
    model = build_model(cfg.arch, cfg.activation, batches.image_shape, images.num_classes, cfg.dropout, **options)
    model.to(device)
    standardize.fit(model, images.mean, images.std)
    momentum = {"momentum": cfg.momentum, "nesterov": cfg.nesterov} if cfg.momentum > 0 else {}
    optimizer = OPTIMIZERS[cfg.optimizer].build(
        model.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay, **momentum
    )
    regime_options = registry.make_options("regimes", cfg.regime, cfg.options)
    regime = registry.load("regimes", cfg.regime).Regime(cfg, model, optimizer, **regime_options)
    partial = Partial(cfg, model, regime, images.sha256)
    return _Run(cfg, batches, model, regime, partial, evaluations.options_of(cfg))


def _train(run: _Run) -> tuple[list[dict], float]:
    history, before = run.partial.restore()
    start = time.perf_counter() - before
    for epoch in range(len(history) + 1, run.cfg.epochs + 1):
        set_seed(streams.seed_of(run.cfg.seed, "global", epoch))
        run.regime.start_epoch(epoch)
        batches = scheduled(run.cfg, run.regime.optimizer, run.batches.train(epoch), epoch, run.batches.steps)
        row = {"epoch": epoch, "train_loss": train_one_epoch(run.model, run.regime, batches)}
        row |= _validated(run)
        if run.cfg.smoothed_accuracy:
            row |= running_accuracy.entries(run.model, run.batches.test(), run.cfg, history)
        history.append(row | run.regime.end_epoch(row))
        if _diverged(row):
            break
        run.partial.keep(history, time.perf_counter() - start)
    return history, time.perf_counter() - start


def _validated(run: _Run) -> dict:
    """Loss and accuracy on the validation images, if there are any."""
    if run.batches.watched == 0:
        return {}
    accuracy, loss = evaluate(run.model, run.batches.validation(), run.cfg.sweep_precision)
    return {"val_loss": loss, "val_acc": accuracy}


def _diverged(row: dict) -> bool:
    return not all(math.isfinite(row[name]) for name in ("train_loss", "val_loss") if name in row)


def _measured(run: _Run) -> tuple[list[dict], dict]:
    """The rows of the sweep over weight noise and of all evaluations, and the columns that evaluations add."""
    cfg, batches = run.cfg, list(run.batches.test())
    measure = functools.partial(evaluate, batches=batches, precision=cfg.sweep_precision)
    rows = sweep(run.model, measure, cfg.alpha_tests, cfg.noise_samples, cfg.noise_model, cfg.seed)
    trained = evaluations.Trained(run.model, batches, measure, cfg.seed, cfg.sweep_precision)
    further, columns = evaluations.measure_all(trained, run.evaluations)
    return rows + further, columns


def _result(run: _Run, history: list[dict], rows: list[dict], seconds: dict, further: dict) -> dict:
    cfg, at = run.cfg, {row["alpha_test"]: row for row in rows if "evaluation" not in row}
    columns = ("regime", "seed", "alpha_train", "noise_model", "activation", "p", "epochs")
    clean, tenth = at.get(0.0, {}), at.get(0.1, {})
    diverged = clean.get("loss") is None
    clean, tenth, rows = ({}, {}, []) if diverged else (clean, tenth, rows)
    return {
        "run_id": cfg.run_id,
        "dataset": cfg.dataset_name,
        "architecture": cfg.arch,
        **{name: getattr(cfg, name) for name in columns},
        "acc_0": clean.get("acc"),
        "acc_01": tenth.get("acc"),
        "drop_at_01": tenth.get("drop"),
        "test_loss": clean.get("loss"),
        "train_loss": _finite(history[-1]["train_loss"]),
        "status": "diverged" if diverged else "ok",
        **seconds,
        **validation.columns(history),
        **run.regime.columns(history),
        **further,
        "diverged_epoch": history[-1]["epoch"] if diverged else None,
        "sweep": rows,
        "history": [{name: _finite(value) for name, value in row.items()} for row in history],
        **run.regime.record(),
        "config": cfg.science(),
        "provenance": provenance.provenance(run.regime.device),
    }


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
