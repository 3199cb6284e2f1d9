"""The learning rate of each step."""

import math
from collections.abc import Iterable, Iterator

import torch

from nnet.config import TrainConfig
from nnet.optimizers import SMALLEST_PEAK

SMALLEST = 1e-6


def learning_rate(cfg: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """The learning rate of one step, counted from 0 over the whole run.

    `cosine_restarts`: with cycles of R epochs in E epochs of S steps and the step k,

        M = η₀ − min(1, k / ((E − R)·S))·(η₀ − 10⁻⁵)
        η = 10⁻⁶ + ½ (M − 10⁻⁶) (1 + cos(π (k mod R·S) / (R·S)))

    after Loshchilov and Hutter 2017 (arXiv:1608.03983, equation 5), with a maximum that decays.

    `steps`: η₀·fⁿ in epoch e, counted from 1, where n milestones are at most e.
    """
    if cfg.lr_schedule == "constant":
        return cfg.learning_rate
    if cfg.lr_schedule == "steps":
        epoch = step // steps_per_epoch + 1
        return cfg.learning_rate * cfg.lr_factor ** sum(epoch >= milestone for milestone in cfg.lr_milestones)
    assert cfg.lr_restart_epochs is not None, "TrainConfig requires it with cosine_restarts"
    cycle = cfg.lr_restart_epochs * steps_per_epoch
    decay = min(1.0, step / ((cfg.epochs - cfg.lr_restart_epochs) * steps_per_epoch))
    peak = cfg.learning_rate - decay * (cfg.learning_rate - SMALLEST_PEAK)
    return SMALLEST + 0.5 * (peak - SMALLEST) * (1 + math.cos(math.pi * (step % cycle) / cycle))


def scheduled(
    cfg: TrainConfig, optimizer: torch.optim.Optimizer, batches: Iterable, epoch: int, steps_per_epoch: int
) -> Iterator:
    """The batches of one epoch, counted from 1; sets the learning rate of the optimizer before each."""
    for step, batch in enumerate(batches, (epoch - 1) * steps_per_epoch):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(cfg, step, steps_per_epoch)
        yield batch
