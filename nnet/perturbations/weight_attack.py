"""An adversary in weight space: it moves each weight by a fraction of its size to increase a loss.

Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial regularization" (ICLR),
algorithm 1, with the projection, which the published program lacks.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from nnet.perturbations.tensors import differentiable, frozen_statistics, replaced, trainable_tensors, weight_tensors
from nnet.random.normals import Normals


class WeightAttack:
    """Moves θ to θ* = θ + |θ|·c, with a relative shift c per element; a weight of 0 stays 0.

    c starts at `start_noise`·N(0, 1) and takes `steps` steps of `size`/`steps` along the sign of the loss's gradient at
    θ* (`p_norm` inf), or along the gradient divided by its norm, tensor by tensor (`p_norm` 2). With `project`, |c|
    never exceeds `size`. The adversary moves the tensors that weight noise perturbs, whether they are trained or not,
    or with `attack_all` all trainable tensors. A tensor that the loss does not depend on keeps its start.
    """

    def __init__(
        self,
        model: nn.Module,
        size: float,
        steps: int,
        start_noise: float,
        p_norm: str = "inf",
        project: bool = True,
        attack_all: bool = False,
    ):
        self.model, self.size, self.steps, self.start_noise = model, size, steps, start_noise
        self.p_norm, self.project = p_norm, project
        self.parameters = trainable_tensors(model) if attack_all else weight_tensors(model)
        self.moved = [torch.empty_like(parameter.data) for parameter in self.parameters]

    def find(self, losses: Callable[[], Iterable[torch.Tensor]], normals: Normals) -> list[torch.Tensor]:
        """The shifts c that the adversary ends with, one tensor per attacked parameter; the parameters are unchanged.

        `losses` returns 0-dimensional tensors whose sum is the loss at the current weights. Each is differentiated
        before the next is computed, so that a set of images too large for one graph can be split. Statistics of batch
        normalisation do not change.
        """
        shifts = [torch.zeros_like(parameter.data) for parameter in self.parameters]
        if self.start_noise > 0:
            for shift in shifts:
                shift.add_(normals.draw(shift.shape).numbers().to(shift.dtype), alpha=self.start_noise)
        self._project(shifts)
        with frozen_statistics(self.model), differentiable(self.parameters):
            for _ in range(self.steps if self.size > 0 else 0):
                with self.applied(shifts):
                    gradients = self._gradients(losses())
                for shift, gradient in zip(shifts, gradients, strict=True):
                    shift.add_(self._direction(gradient), alpha=self.size / self.steps)
                self._project(shifts)
        return shifts

    @contextmanager
    def applied(self, shifts: list[torch.Tensor], share: float = 1.0) -> Iterator[None]:
        """Within the `with` block the parameters are θ + `share`·|θ|·c; afterwards θ again, bit for bit."""
        for parameter, shift, moved in zip(self.parameters, shifts, self.moved, strict=True):
            torch.addcmul(parameter.data, parameter.data.abs(), shift, value=share, out=moved)
        with replaced(self.parameters, self.moved):
            yield

    def jacobian(self, shifts: list[torch.Tensor]) -> list[torch.Tensor]:
        """∂θ*/∂θ, which is diagonal, tensor by tensor: 1 + sign(θ)·c; exact for `p_norm` inf."""
        pairs = zip(self.parameters, shifts, strict=True)
        return [torch.addcmul(torch.ones_like(shift), parameter.data.sign(), shift) for parameter, shift in pairs]

    def _gradients(self, losses: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        parts = (
            torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True) for loss in losses
        )
        gradients = list(next(parts))
        for part in parts:
            gradients = [gradient + more for gradient, more in zip(gradients, part, strict=True)]
        return gradients

    def _direction(self, gradient: torch.Tensor) -> torch.Tensor:
        if self.p_norm == "inf":
            return gradient.sign()
        norm = torch.linalg.vector_norm(gradient)
        return gradient / torch.where(norm > 0, norm, 1.0)

    def _project(self, shifts: list[torch.Tensor]) -> None:
        if self.project:
            for shift in shifts:
                shift.clamp_(-self.size, self.size)
