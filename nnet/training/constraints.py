"""What weights must satisfy after every update: the bounds of `weight_clip`, and what the network itself demands."""

import torch
from torch import nn

from nnet.perturbations.magnitude import clipped
from nnet.perturbations.tensors import weight_tensors


def constrain(model: nn.Module, optimizer: torch.optim.Optimizer, weight_clip: float | None) -> None:
    """Clip the weights now and after each step of the optimizer, whatever the regime; then ask the network.

    `weight_clip`: each tensor that weight noise perturbs is clipped to ± this many (> 0) of its own standard
    deviations, measured just before (Joshi et al. 2020, Nature Communications 11, 2473; Büchel, Faber and Muir 2022,
    ICLR: 2); None clips nothing. A network that defines a method `constrain()` brings its weights back to what it
    allows after each step.
    """
    weights = weight_tensors(model)
    of_network = getattr(model, "constrain", None)

    @torch.no_grad()
    def clip() -> None:
        if weight_clip is not None:
            for weight in weights:
                weight.copy_(clipped(weight.data, weight_clip))

    def after_step(*_: object) -> None:
        clip()
        if of_network is not None:
            of_network()

    clip()
    if weight_clip is not None or of_network is not None:
        optimizer.register_step_post_hook(after_step)
