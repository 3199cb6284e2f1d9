"""Training whose loss also counts what an adversary in weight space can do to the outputs.

Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial regularization" (ICLR).
"""

from dataclasses import dataclass

import torch

from nnet import checks
from nnet.perturbations.divergences import BOUNDARY_LOSSES
from nnet.perturbations.tensors import frozen_statistics, trainable_tensors
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams
from nnet.random.global_state import RandomState
from nnet.regimes.parts.forward_noise import ForwardNoise
from nnet.training.loss import loss_of


@dataclass(frozen=True)
class Options:
    """What can be chosen of the adversary and of how much it counts. Raises ValueError for a wrong value."""

    beta_robustness: float = 0.25
    """β, how much the robustness term counts beside the cross-entropy, ≥ 0. Default 0.25."""
    attack_size: float = 0.1
    """ζ, how far the adversary moves a weight, relative to its size, ≥ 0. Default 0.1."""
    attack_steps: int = 10
    """N, its steps, of ζ/N each, at least 1. Default 10."""
    start_noise: float = 1e-3
    """Standard deviation of the noise that it starts from, relative to the weights, ≥ 0; 0 for `ce` alone, since the
    gradients of the others are 0 at θ. Default 0.001."""
    boundary_loss: str = "kl"
    """What it makes large, and what is added to the loss: kl, reverse_kl, js, l2 or ce. Default kl."""
    p_norm: str = "inf"
    """Its steps: along the gradient's sign (inf), or along the gradient divided by its norm (2). Default inf."""
    project: bool = True
    """Keep it within ζ, start noise included. Default yes."""
    treat_as_constant: bool = False
    """Leave out of the gradient that θ* depends on θ. Default no."""
    attack_all: bool = False
    """Attack biases and normalisation too, as the published program does. Default no."""
    warmup: int = 0
    """Epochs without the robustness term. Default 0."""

    def __post_init__(self):
        for name in ("beta_robustness", "attack_size", "start_noise"):
            checks.number(name, getattr(self, name))
        checks.whole_number("attack_steps", self.attack_steps, smallest=1)
        checks.whole_number("warmup", self.warmup, smallest=0)
        checks.choice("boundary_loss", self.boundary_loss, BOUNDARY_LOSSES)
        checks.choice("p_norm", str(self.p_norm), ("inf", "2"))
        for name in ("project", "treat_as_constant", "attack_all"):
            checks.switch(name, getattr(self, name))
        if self.start_noise == 0 and self.boundary_loss != "ce":
            raise ValueError(
                f"start_noise must be above 0: the gradient of boundary_loss {self.boundary_loss!r} is 0 at the weights"
            )
        if self.treat_as_constant and self.boundary_loss == "ce":
            raise ValueError("with treat_as_constant the gradient of boundary_loss 'ce' is zero: it would do nothing")


class Regime(ForwardNoise):
    """L = CE + β·L_rob(θ, θ*), with θ* the adversary's: the cross-entropy at θ, or at W + ε where α_train > 0.

    The robustness term is always taken at the weights themselves. Its gradient is that of L_rob by θ plus J ⊙ that by
    θ*, with the diagonal J = ∂θ*/∂θ, which is exact for steps along signs: no graph of second order is built. A step
    takes N + 2 forward and backward passes, one more with forward noise. All of them have the same dropout masks. The
    loss that is reported is the cross-entropy. β = 0 is the regime `noisy`.
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
            str(options.p_norm),
            options.project,
            options.attack_all,
        )
        self.trained = trainable_tensors(model)

    def start_epoch(self, epoch: int) -> None:
        """Begin this epoch's streams of weight noise and of the adversary's start."""
        super().start_epoch(epoch)
        self.epoch = epoch
        self.starts = streams.normals(self.cfg.seed, "weight_attack", epoch, self.device)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The gradients of both terms."""
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
        """Add the gradients of `loss` + β·L_rob to those of the parameters; `logits`: at θ, with their graph."""
        beta, target = self.options.beta_robustness, logits.detach()

        def attacked() -> torch.Tensor:
            with random.again():
                return self.logits(images)

        shifts = self.attack.find(lambda: [self.boundary(target, attacked(), labels)], self.starts)
        with self.attack.applied(shifts), frozen_statistics(self.model):
            star = attacked()
            if not self.options.treat_as_constant:
                gradients = torch.autograd.grad(beta * self.boundary(target, star, labels), self.trained)
        total = loss + beta * self.boundary(logits, star.detach(), labels)
        if total.requires_grad:
            total.backward()
        if not self.options.treat_as_constant:
            self._add_path_through_attack(gradients, shifts)

    def _add_path_through_attack(self, gradients: tuple[torch.Tensor, ...], shifts: list[torch.Tensor]) -> None:
        slopes = {
            id(parameter): slope
            for parameter, slope in zip(self.attack.parameters, self.attack.jacobian(shifts), strict=True)
        }
        for parameter, gradient in zip(self.trained, gradients, strict=True):
            through = gradient * slopes[id(parameter)] if id(parameter) in slopes else gradient
            parameter.grad = through if parameter.grad is None else parameter.grad.add_(through)
