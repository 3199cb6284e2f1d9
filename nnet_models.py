"""One run, from top to bottom: set up, train or load the kept weights, measure what is missing, return the result."""

import functools
import math
import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from nnet import registry
from nnet.activations import get_activation
from nnet.architectures.base import ARCH_NAMES, build_model
from nnet.architectures.parts import standardize
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.data.batches import Batch, Batches
from nnet.evaluations.base import Trained
from nnet.evaluations.parts import measuring, points, running_accuracy
from nnet.evaluations.parts.accuracy import evaluate
from nnet.optimizers import OPTIMIZERS
from nnet.perturbations.tensors import check_noised, spared_tensors
from nnet.random import streams
from nnet.record import form, initial, kept, own_code, provenance, result
from nnet.record.unfinished import Partial, PartialPoints
from nnet.regimes.base import Regime
from nnet.training.constraints import constrain
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


def train_and_evaluate(cfg: TrainConfig, known: dict | None = None) -> dict:
    """Train one network, or load its kept weights, measure what is missing, and return all that is known of it.

    `known`: the run file of this network, or what this function returned before; only points that it lacks are
    measured. The result is JSON-able: the content of a run file (form 2), the columns of the per-run table that follow
    from it, and `sweep`, the rows of sweep.csv. On one kind of machine, with one number of threads, all of it but
    seconds is the same bit for bit, however training and measurements were divided among calls. A loss that is not
    finite ends the run as `diverged`, without measurements.

    The weights are written to <checkpoint_dir>/<dataset>/<run_id>.pt before they are measured; if they are there and
    sound, nothing is trained. With `epoch_checkpoint_dir` a run that was killed goes on after the last stored epoch or
    point with the same bits; the caller removes these files once the result is safe.

    Workers of a campaign keep freed memory (see `campaign.engines.workers.environment`); in a direct call, unless the
    shell sets these variables, a training step of `cnn` can take half as long again.

    Raises ConfigError for data or an architecture that do not fit the configuration; nnet.record.kept.Refused, before
    anything is measured, if the data or the weights are not those that are known; CannotWrite (an OSError) if a
    checkpoint cannot be written; and RuntimeError if another run is active in this process, whose state runs share.
    """
    with _alone(cfg.threads):
        run = _set_up(cfg)
        known = None if known is None else points.stored(known)
        kept.check_data(cfg, known, run.batches.images.sha256)
        trained = _trained(run, known)
        measurements = [] if trained["status"] == "diverged" else _measured(run, trained, known)
        return points.complete(trained | {"asked": cfg.measuring(), "measurements": measurements})


def try_set_up(cfg: TrainConfig) -> dict:
    """Set a run up without training; returns `data_sha256`, the names of the tensors that are `not_noised`, and the
    number of `test_images`.

    Raises what the run would raise up to there.
    """
    with _alone(cfg.threads):
        run = _set_up(cfg)
        seen = {"data_sha256": run.batches.images.sha256, "not_noised": list(spared_tensors(run.model))}
        return seen | {"test_images": run.batches.test_size}


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


@dataclass
class _Run:
    cfg: TrainConfig
    batches: Batches
    model: nn.Module
    regime: Regime
    partial: Partial
    wants: list[points.Wanted]


@contextmanager
def _alone(cpu_threads: int) -> Iterator[None]:
    if not _only_run.acquire(blocking=False):
        raise RuntimeError("another run is under way in this process; a process does one run at a time")
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        torch.set_num_threads(cpu_threads)
        torch.set_flush_denormal(True)  # the optimizer's moments of dead neurons become denormal: slow
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        _only_run.release()


def _set_up(cfg: TrainConfig) -> _Run:
    device = get_device(cfg.use_cuda)
    options = cfg.options_of(cfg.dataset)
    images = prepared.load(cfg.dataset, cfg.image_size, cfg.data_dir, cfg.dataset_sha256, options)
    for name, kind in cfg.owners().items():
        if kind in registry.KINDS:
            registry.load(kind, name)
    torch.set_default_dtype(torch.float32)  # these files may have changed it, or drawn numbers, when they were imported
    torch.set_num_threads(cfg.threads)
    batches = Batches(cfg, images, device)
    set_seed(streams.seed_of(cfg.seed, "init"))
    shape, options = batches.image_shape, cfg.options_of(cfg.arch)
    model = build_model(cfg.arch, cfg.activation, shape, images.num_classes, cfg.dropout, **options)
    model.to(device)
    standardize.fit(model, images.mean, images.std)
    check_noised(model, registry.constant("architectures", cfg.arch, "NOT_NOISED", ()))
    if cfg.initial_weights is not None:
        initial.load(model, cfg)
    momentum = {"momentum": cfg.momentum, "nesterov": cfg.nesterov} if cfg.momentum > 0 else {}
    optimizer = OPTIMIZERS[cfg.optimizer].build(
        model.parameters(), lr=cfg.learning_rate, weight_decay=cfg.weight_decay, **momentum
    )
    constrain(model, optimizer, cfg.weight_clip)
    regime_options = registry.make_options("regimes", cfg.regime, cfg.options_of(cfg.regime))
    regime = registry.load("regimes", cfg.regime).Regime(cfg, model, optimizer, **regime_options)
    partial = Partial(cfg, model, regime, images.sha256)
    return _Run(cfg, batches, model, regime, partial, measuring.checked(cfg, model))


def _trained(run: _Run, known: dict | None) -> dict:
    """The trained part of the run file; afterwards the network has the trained weights, if any are to be measured."""
    cfg, images = run.cfg, run.batches.images
    if known is not None and not form.lacks_record(cfg, known):
        if known["status"] == "diverged" or not points.all_missing(cfg, known["measurements"]):
            return form.without_measurements(known)
    trained = kept.restore(cfg, run.model, known, images.sha256)
    if trained is not None:
        return trained
    if known is not None:
        kept.check_machine(cfg, known, provenance.machine(run.regime.device))
    before = provenance.weights_sha256(run.model)
    history, seconds = _train(run)
    hashes = {"data": images.sha256, "initial_weights": before, "weights": provenance.weights_sha256(run.model)}
    trained = result.trained_part(cfg, run.regime, history, seconds, hashes, _is_diverged(run, history))
    if known is not None:
        kept.check_weights(cfg, known, hashes["weights"])
        if not form.lacks_record(cfg, known):
            trained = form.without_measurements(known)
    kept.save(cfg, trained, run.model, run.batches.image_shape, images.num_classes)
    if cfg.checkpoint_dir is None and trained["status"] == "ok":
        run.partial.keep(history, seconds, now=True)
    return trained


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
            row |= running_accuracy.entries(run.model, run.batches.all_test(), run.cfg, history)
        history.append(row | run.regime.end_epoch(row))
        if _diverged(row):
            break
        run.partial.keep(history, time.perf_counter() - start)
    return history, time.perf_counter() - start


def _validated(run: _Run) -> dict:
    """Loss and accuracy on the validation images, if there are any."""
    if run.batches.watched == 0:
        return {}
    accuracy, loss = evaluate(run.model, run.batches.validation(), run.cfg.precision)
    return {"val_loss": loss, "val_acc": accuracy}


def _diverged(row: dict) -> bool:
    return not all(math.isfinite(row[name]) for name in ("train_loss", "val_loss") if name in row)


def _is_diverged(run: _Run, history: list[dict]) -> bool:
    """Whether training diverged, be it in its very last step: then the loss of the first test images overflows."""
    if history and _diverged(history[-1]):
        return True
    _, loss = evaluate(run.model, [next(run.batches.all_test())], run.cfg.precision)
    return not math.isfinite(loss)


def _measured(run: _Run, trained: dict, known: dict | None) -> list[dict]:
    """All measurements of the trained network, those that are known included."""
    cfg, sha256, device = run.cfg, trained["sha256"], run.regime.device
    batches = list(run.batches.test())
    measure = functools.partial(evaluate, batches=batches, precision=cfg.sweep_precision)
    partial = PartialPoints(cfg, device, sha256["data"], sha256["weights"])
    return measuring.measured(
        Trained(run.model, batches, measure, cfg.seed, cfg.sweep_precision, plug_ins=own_code.of_network(cfg)),
        run.wants,
        sha256["data"],
        [] if known is None else known["measurements"],
        partial.restore(),
        partial.keep,
    )
