"""Sharpness-aware minimisation: the gradient is taken where the loss is largest in a neighbourhood of the weights.

Foret et al. 2021 (arXiv:2010.01412); adaptive: Kwon et al. 2021 (arXiv:2102.11600). The program of Kwon et al. adds
0.01 to |θ| and leaves biases on the scale of SAM; here |θ| is as it is, for biases too. Weight decay acts at θ, and
batch normalisation stores its statistics at θ alone.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import nn

from nnet.checks import check_fields, number, setting, switch
from nnet.perturbations.magnitude import total_norm
from nnet.perturbations.tensors import frozen_statistics, replaced, trainable_tensors
from nnet.random.global_state import RandomState
from nnet.regimes import base

USES_ALPHA_TRAIN = False
IDLE = {"rho": (0, ())}


@dataclass(frozen=True)
class Options:
    """Options of the neighbourhood. Raises ConfigError for a wrong value."""

    rho: float = setting(0.05, number)
    """ρ, radius of the neighbourhood in the norm of all parameters together, ≥ 0. Default 0.05."""
    adaptive: bool = setting(False, switch)
    """Measure the radius relative to the size of each parameter. Default no."""

    def __post_init__(self):
        check_fields(self)


class Regime(base.Regime):
    """For each batch: g at θ, then the gradient at θ + ρ·g/‖g‖, or θ + ρ·θ²g/‖θg‖ if `adaptive`, updates θ.

    All trainable parameters that the loss depends on are moved, as published. The reported loss is the one at θ. ρ = 0
    is the clean regime.
    """

    def __init__(self, cfg, model, optimizer, options: Options):
        super().__init__(cfg, model, optimizer)
        self.options = options
        self.parameters = trainable_tensors(model)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the gradients at the moved parameters; the parameters are θ again on return."""
        random = RandomState(self.device)
        loss = super().backward(images, labels)
        if self.options.rho == 0:
            return loss
        used = [parameter for parameter in self.parameters if parameter.grad is not None]
        moved = self._moved(used)
        self.optimizer.zero_grad(set_to_none=True)
        with replaced(used, moved), frozen_statistics(self.model), random.again():
            super().backward(images, labels)
        return loss

    def _moved(self, parameters: list[nn.Parameter]) -> list[torch.Tensor]:
        sizes = [parameter.data.abs() if self.options.adaptive else 1.0 for parameter in parameters]
        gradients = [cast(torch.Tensor, parameter.grad) for parameter in parameters]
        scaled = [size * gradient for size, gradient in zip(sizes, gradients, strict=True)]
        scale = self.options.rho / (total_norm(scaled) + 1e-12)
        return [
            parameter.data + scale * size * gradient
            for parameter, size, gradient in zip(parameters, sizes, scaled, strict=True)
        ]
