"""Weights that stay within a few standard deviations, as the cells of analog devices need them."""

import torch
from torch import nn

from nnet.perturbations.magnitude import clipped
from nnet.perturbations.tensors import weight_tensors


def keep_clipped(model: nn.Module, optimizer: torch.optim.Optimizer, deviations: float | None) -> None:
    """Clip the weights now and after each step of the optimizer; None does nothing.

    Each tensor that weight noise perturbs is clipped to ±`deviations` (> 0) times its own standard deviation, measured
    just before (Joshi et al. 2020, Nature Communications 11, 2473; Büchel, Faber and Muir 2022, ICLR: 2).
    """
    if deviations is None:
        return
    weights = weight_tensors(model)

    @torch.no_grad()
    def clip(*_: object) -> None:
        for weight in weights:
            weight.copy_(clipped(weight.data, deviations))

    clip()
    optimizer.register_step_post_hook(clip)
