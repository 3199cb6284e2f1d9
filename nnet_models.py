"""One run, read from top to bottom: its configuration, training, the sweep over weight noise, its result."""

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
from nnet.evaluations.parts.running_accuracy import correctly_classified, smoothed_accuracy
from nnet.evaluations.parts.sweep import sweep
from nnet.files import checkpoint
from nnet.optimizers import OPTIMIZERS
from nnet.random import streams
from nnet.record import provenance
from nnet.record.unfinished import Partial
from nnet.regimes.base import Regime
from nnet.regimes.parts import epochs
from nnet.training import precision as precisions
from nnet.training.allocator import keeping_freed_memory
from nnet.training.lr_schedule import learning_rate

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
    """Train one network, sweep weight noise over it, and return what is known of the run, JSON-able.

    The columns of the per-run table; `sweep`, a row per α_test, then the rows of `evaluations`, which carry the
    name of their `evaluation`; `history`, a row per epoch; `config`, the science fields; `provenance`; `sha256` of
    the data and of the weights before and after training. All but `train_seconds` and `sweep_seconds` is the same,
    bit for bit, wherever the run happens on this kind of machine with this number of threads. A loss that is not
    finite ends the run with status `diverged` and `diverged_epoch`. With `checkpoint_dir` the weights are written
    to <checkpoint_dir>/<dataset>/<run_id>.pt. With `epoch_checkpoint_dir` a run that was ended from outside goes on
    after the last epoch that it kept, and ends with the same bits; the file is left to the caller, who removes it
    when the result is safe.

    Raises ConfigError for data or an architecture that do not fit the configuration, CannotWrite (an OSError)
    where a checkpoint cannot be written, and RuntimeError where another run is under way in this process: runs
    share the process-wide generator and thread count.
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
        return _result(run, history, rows, seconds, further) | {
            "sha256": hashes | {"weights": provenance.weights_sha256(run.model)}
        }


def try_set_up(cfg: TrainConfig) -> str:
    """Set a run up and leave it; the SHA-256 of its data. Raises what the run would raise before its first step."""
    with _alone(cfg.cpu_threads):
        return _set_up(cfg).batches.images.sha256


def set_seed(seed: int) -> None:
    """Seed the process-wide generators of Python, NumPy and torch; `seed`: any integer of 63 bits, not negative."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def get_device(use_cuda: bool = False) -> torch.device:
    """The CPU, or the GPU if `use_cuda`. Raises ConfigError if there is none."""
    if use_cuda and not torch.cuda.is_available():
        raise ConfigError("use_cuda=True, but torch finds no CUDA device here")
    return torch.device("cuda" if use_cuda else "cpu")


def train_one_epoch(model: nn.Module, regime: Regime, batches: Iterable[Batch]) -> float:
    """Let the regime take every batch once; the mean loss per image, or the first one that is not finite."""
    model.train()
    losses, sizes = [], []
    for images, labels in batches:
        losses.append(regime.step(images, labels))
        sizes.append(len(labels))
    losses = torch.stack(losses).tolist()  # at the end: a GPU must not be waited for in every step
    mean = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
    return next((loss for loss in losses if not math.isfinite(loss)), mean)


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[Batch], precision: str = "fp32") -> tuple[float, float]:
    """Accuracy (correct / total) and mean cross-entropy in evaluation mode.

    `batches`: pairs of images (float32 B×C×H×W in [0, 1]) and labels (int64 B), of any sizes; `precision`: fp32
    or bf16.
    """
    model.eval()
    correct, losses, total = [], [], 0
    for images, labels in batches:
        logits = precisions.logits(model, images, precision)
        correct.append((logits.argmax(1) == labels).sum())
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
        total += len(labels)
    return sum(torch.stack(correct).tolist()) / total, sum(torch.stack(losses).tolist()) / total


@dataclass
class _Run:
    cfg: TrainConfig
    device: torch.device
    batches: Batches
    model: nn.Module
    regime: Regime
    partial: Partial
    evaluations: dict[str, dict]
    """Their options by name."""


@contextmanager
def _alone(cpu_threads: int) -> Iterator[None]:
    if not _only_run.acquire(blocking=False):
        raise RuntimeError("another run is under way in this process; a process does one run at a time")
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(cpu_threads)
        torch.set_flush_denormal(True)  # the moments of dead neurons decay to numbers that take many times as long
        with keeping_freed_memory():
            yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        _only_run.release()


def _set_up(cfg: TrainConfig) -> _Run:
    device = get_device(cfg.use_cuda)
    images = prepared.load(cfg.dataset, cfg.image_size, cfg.data_dir)
    batches = Batches(cfg, images, device)
    known = registry.option_names("architectures", cfg.arch)
    options = {name: value for name, value in cfg.options.items() if name in known}
    set_seed(streams.seed_of(cfg.seed, "init"))
    model = build_model(cfg.arch, cfg.activation, batches.image_shape, images.num_classes, cfg.dropout, **options).to(
        device
    )
    standardize.fit(model, images.mean, images.std)
    momentum = {"momentum": cfg.momentum, "nesterov": cfg.nesterov} if cfg.momentum > 0 else {}
    optimizer = OPTIMIZERS[cfg.optimizer].build(
        model.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay, **momentum
    )
    regime_options = registry.make_options("regimes", cfg.regime, cfg.options)
    regime = registry.load("regimes", cfg.regime).Regime(cfg, model, optimizer, **regime_options)
    partial = Partial(cfg, model, regime, images.sha256)
    return _Run(cfg, device, batches, model, regime, partial, evaluations.options_of(cfg))


def _train(run: _Run) -> tuple[list[dict], float]:
    history, before = run.partial.restore()
    start = time.perf_counter() - before
    for epoch in range(len(history) + 1, run.cfg.epochs + 1):
        set_seed(streams.seed_of(run.cfg.seed, "global", epoch))
        run.regime.start_epoch(epoch)
        row = {"epoch": epoch, "train_loss": train_one_epoch(run.model, run.regime, _scheduled(run, epoch))}
        row |= _validated(run) | _tested(run, history)
        history.append(row | run.regime.end_epoch(row))
        if _diverged(row):
            break
        run.partial.keep(history, time.perf_counter() - start)
    return history, time.perf_counter() - start


def _scheduled(run: _Run, epoch: int) -> Iterator[Batch]:
    """The batches of an epoch, each with its learning rate set."""
    steps = run.batches.steps
    for step, batch in enumerate(run.batches.train(epoch), (epoch - 1) * steps):
        for group in run.regime.optimizer.param_groups:
            group["lr"] = learning_rate(run.cfg, step, steps)
        yield batch


def _validated(run: _Run) -> dict:
    """Loss and accuracy on the validation images, if there are any."""
    if run.batches.watched == 0:
        return {}
    accuracy, loss = evaluate(run.model, run.batches.validation(), run.cfg.sweep_precision)
    return {"val_loss": loss, "val_acc": accuracy}


def _tested(run: _Run, history: list[dict]) -> dict:
    """The accuracy on the test images and the running value that a published program took for it, if asked for."""
    if not run.cfg.smoothed_accuracy:
        return {}
    correct = correctly_classified(run.model, run.batches.test(), run.cfg.sweep_precision)
    before = history[-1]["smoothed_acc"] if history else 0.0
    smoothed = smoothed_accuracy(correct, run.cfg.batch_size, before)
    return {"test_acc": int(correct.sum()) / len(correct), "smoothed_acc": smoothed}


def _diverged(row: dict) -> bool:
    return not all(math.isfinite(row[name]) for name in ("train_loss", "val_loss") if name in row)


def _measured(run: _Run) -> tuple[list[dict], dict]:
    """The rows of the sweep over weight noise and of the other evaluations, and the columns that these add."""
    cfg, trained = run.cfg, _trained(run, list(run.batches.test()))
    rows = sweep(run.model, trained.measure, cfg.alpha_tests, cfg.noise_samples, cfg.noise_model, cfg.seed)
    further, columns = evaluations.evaluated(trained, run.evaluations)
    return rows + further, columns


def _trained(run: _Run, testing: list[Batch]) -> evaluations.Trained:
    measure = functools.partial(evaluate, batches=testing, precision=run.cfg.sweep_precision)
    return evaluations.Trained(run.model, testing, measure, run.cfg.seed, run.cfg.sweep_precision)


def _result(run: _Run, history: list[dict], rows: list[dict], seconds: dict, further: dict) -> dict:
    cfg, at = run.cfg, {row["alpha_test"]: row for row in rows if "evaluation" not in row}
    test_loss = at[0.0]["loss"] if rows else None
    diverged = test_loss is None
    return {
        "run_id": cfg.run_id,
        "dataset": cfg.dataset_name,
        "architecture": cfg.arch,
        "regime": cfg.regime,
        "seed": cfg.seed,
        "alpha_train": cfg.alpha_train,
        "noise_model": cfg.noise_model,
        "activation": cfg.activation,
        "p": cfg.p,
        "epochs": cfg.epochs,
        "acc_0": None if diverged else at[0.0]["acc"],
        "acc_01": at[0.1]["acc"] if not diverged and 0.1 in at else None,
        "drop_at_01": at[0.1]["drop"] if not diverged and 0.1 in at else None,
        "test_loss": test_loss,
        "train_loss": _finite(history[-1]["train_loss"]),
        "status": "diverged" if diverged else "ok",
        **seconds,
        **epochs.columns(history),
        **run.regime.columns(),
        **further,
        "diverged_epoch": history[-1]["epoch"] if diverged else None,
        "sweep": [] if diverged else rows,
        "history": [{name: _finite(value) for name, value in row.items()} for row in history],
        **run.regime.record(),
        "config": cfg.science(),
        "provenance": provenance.provenance(run.device),
    }


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
