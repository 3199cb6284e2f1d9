"""Sharpness-aware minimisation: the gradient is taken where the loss rises most nearby.

Foret et al. 2021 (arXiv:2010.01412); adaptive: Kwon et al. 2021 (arXiv:2102.11600).
"""

from dataclasses import dataclass

import torch

from nnet.checks import check_fields, number, setting, switch
from nnet.perturbations.magnitude import total_norm
from nnet.perturbations.tensors import frozen_statistics, replaced, trainable_tensors
from nnet.random.global_state import RandomState
from nnet.regimes import base

USES_ALPHA_TRAIN = False


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
    """For each batch: g at θ, then the gradient at θ + ρ·g/‖g‖, or θ + ρ·θ²g/‖θg‖ if `adaptive`, applied to θ.

    All trainable parameters are moved, as published. The loss that is reported is that at θ. ρ = 0 is the clean regime.
    """

    def __init__(self, cfg, model, optimizer, options: Options):
        super().__init__(cfg, model, optimizer)
        self.options = options
        self.parameters = trainable_tensors(model)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The gradients at the moved parameters; they are θ again when it returns."""
        random = RandomState(self.device)
        loss = super().backward(images, labels)
        if self.options.rho == 0:
            return loss
        moved = self._moved()
        self.optimizer.zero_grad(set_to_none=True)
        with replaced(self.parameters, moved), frozen_statistics(self.model), random.again():
            super().backward(images, labels)
        return loss

    def _moved(self) -> list[torch.Tensor]:
        sizes = [parameter.data.abs() if self.options.adaptive else 1.0 for parameter in self.parameters]
        scaled = [size * parameter.grad for size, parameter in zip(sizes, self.parameters, strict=True)]
        scale = self.options.rho / (total_norm(scaled) + 1e-12)
        return [
            parameter.data + scale * size * gradient
            for parameter, size, gradient in zip(self.parameters, sizes, scaled, strict=True)
        ]
