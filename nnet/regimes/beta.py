"""Training with a term in the loss for the change that an adversary in weight space makes to the outputs.

Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial regularization" (ICLR); unlike
their program with projection (see `project`) and with biases and normalisation left out (see `attack_all`). The
optimizer's weight decay acts at θ.
"""

from dataclasses import dataclass

import torch

from nnet.checks import ConfigError, check_fields, number, one_of, setting, switch, whole
from nnet.perturbations.divergences import BOUNDARY_LOSSES
from nnet.perturbations.tensors import frozen_statistics, trainable_tensors
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams
from nnet.random.global_state import RandomState
from nnet.regimes.parts.forward_noise import ForwardNoise
from nnet.training.loss import loss_of

IDLE = {"beta_robustness": (0, ())}


def _norm(name: str, value: object) -> object:
    return one_of(("inf", "2"))(name, str(value))


@dataclass(frozen=True)
class Options:
    """Options of the adversary and of the weight of its term. Raises ConfigError for a wrong value."""

    beta_robustness: float = setting(0.25, number)
    """β, the weight of the robustness term beside the cross-entropy, ≥ 0. Default 0.25."""
    attack_size: float = setting(0.1, number)
    """ζ, the largest change of a weight by the adversary, relative to the weight's size, ≥ 0. Default 0.1."""
    attack_steps: int = setting(10, whole(1))
    """N, the number of the adversary's steps, of ζ/N each, at least 1. Default 10."""
    start_noise: float = setting(1e-3, number)
    """Standard deviation of the noise at which the adversary starts, relative to the weights, ≥ 0. Only `ce` may start
    from 0, because the gradients of the others are 0 at θ. Default 0.001."""
    boundary_loss: str = setting("kl", one_of(BOUNDARY_LOSSES))
    """Objective that the adversary maximises, and that is added to the loss: kl, reverse_kl, js, l2 or ce. Default
    kl."""
    p_norm: str = setting("inf", _norm)
    """The adversary's steps: along the sign of the gradient (inf), or along the gradient divided by its norm (2).
    Default inf."""
    project: bool = setting(True, switch)
    """Keep the adversary within ζ, including its start noise. Default yes."""
    treat_as_constant: bool = setting(False, switch)
    """Ignore in the gradient that θ* depends on θ. Default no."""
    attack_all: bool = setting(False, switch)
    """Also attack biases and normalisation layers, as the published program does. Default no."""
    warmup: int = setting(0, whole(0))
    """Epochs before the robustness term is added, at least 0. Default 0."""

    def __post_init__(self):
        check_fields(self)
        if self.start_noise == 0 and self.boundary_loss != "ce":
            raise ConfigError(
                f"start_noise must be above 0: the gradient of boundary_loss {self.boundary_loss!r} is 0 at the weights"
            )
        if self.treat_as_constant and self.boundary_loss == "ce":
            raise ConfigError(
                "with treat_as_constant the gradient of boundary_loss 'ce' is zero: it would have no effect"
            )


class Regime(ForwardNoise):
    """L = CE + β·L_rob(θ, θ*), where θ* is the adversary's; CE is taken at θ, or at W + ε if α_train > 0.

    The robustness term is always taken at the unperturbed weights. Its gradient is ∂L_rob/∂θ + J ⊙ ∂L_rob/∂θ* with the
    diagonal J = ∂θ*/∂θ, which is exact for steps along signs, so that no second-order graph is needed. A step takes
    N + 2 forward and backward passes, one more with forward noise; all use the same dropout masks. The reported loss is
    the cross-entropy. β = 0 is the regime `noisy`.
    """

    def __init__(self, cfg, model, optimizer, options: Options):
        super().__init__(cfg, model, optimizer)
        self.options = options
        self.boundary = BOUNDARY_LOSSES[options.boundary_loss]
        self.attack = WeightAttack(
            model,
            options.attack_size,
            options.attack_steps,
            options.start_noise,
            options.p_norm,
            options.project,
            options.attack_all,
        )
        self.trained = trainable_tensors(model)

    def start_epoch(self, epoch: int) -> None:
        """Start this epoch's streams of weight noise and of the adversary's starting points."""
        super().start_epoch(epoch)
        self.epoch = epoch
        self.starts = streams.normals(self.cfg.seed, "weight_attack", epoch, self.device)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the gradients of both terms."""
        if self.options.beta_robustness == 0 or self.epoch <= self.options.warmup:
            return super().backward(images, labels)
        random = RandomState(self.device)
        if self.cfg.alpha_train > 0:
            loss = super().backward(images, labels)
            with frozen_statistics(self.model), random.again():
                logits = self.logits(images)
            self._add_robustness(logits, images, labels, random, torch.zeros_like(loss))
            return loss
        logits = self.logits(images)
        loss = loss_of(self.model, logits, labels)
        self._add_robustness(logits, images, labels, random, loss)
        return loss.detach()

    def _add_robustness(self, logits, images, labels, random: RandomState, loss: torch.Tensor) -> None:
        """Add the gradients of `loss` + β·L_rob to the parameters' gradients; `logits`: at θ, with their graph."""
        beta, target = self.options.beta_robustness, logits.detach()

        def attacked() -> torch.Tensor:
            with random.again():
                return self.logits(images)

        shifts = self.attack.find(lambda: [self.boundary(target, attacked(), labels)], self.starts)
        with self.attack.applied(shifts), frozen_statistics(self.model):
            star = attacked()
            if not self.options.treat_as_constant:
                term = beta * self.boundary(target, star, labels)
                gradients = torch.autograd.grad(term, self.trained, allow_unused=True)
        total = loss + beta * self.boundary(logits, star.detach(), labels)
        if total.requires_grad:
            total.backward()
        if not self.options.treat_as_constant:
            self._add_path_through_attack(gradients, shifts)

    def _add_path_through_attack(self, gradients: tuple[torch.Tensor | None, ...], shifts: list[torch.Tensor]) -> None:
        slopes = {
            id(parameter): slope
            for parameter, slope in zip(self.attack.parameters, self.attack.jacobian(shifts), strict=True)
        }
        for parameter, gradient in zip(self.trained, gradients, strict=True):
            if gradient is None:  # the network's outputs do not depend on this parameter
                continue
            through = gradient * slopes[id(parameter)] if id(parameter) in slopes else gradient
            parameter.grad = through if parameter.grad is None else parameter.grad.add_(through)
