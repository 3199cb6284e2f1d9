"""Adversarial weight perturbation: the gradient is taken where an adversary has moved the weights to.

Wu, Xia and Wang 2020, "Adversarial Weight Perturbation Helps Robust Generalization" (NeurIPS), in the form of Büchel,
Faber and Muir 2022 (ICLR), section 3, without their defects.
"""

from dataclasses import dataclass

import torch

from nnet import checks
from nnet.perturbations.pixel_attack import attacked_images
from nnet.perturbations.tensors import frozen_statistics
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams
from nnet.random.global_state import RandomState
from nnet.regimes import base
from nnet.training.loss import loss_of

USES_ALPHA_TRAIN = False


@dataclass(frozen=True)
class Options:
    """What can be chosen of the adversary. Raises ValueError for a wrong value."""

    gamma: float = 0.1
    """γ, the share of the adversary's way at which the gradient is taken, 0 to 1. Default 0.1."""
    attack_size: float = 0.2
    """ζ, how far the adversary moves a weight, relative to its size, ≥ 0. Default 0.2."""
    attack_steps: int = 10
    """N, its steps, of ζ/N each, at least 1. Default 10."""
    start_noise: float = 1e-3
    """Standard deviation of the noise that it starts from, relative to the weights, ≥ 0. Default 0.001."""
    project: bool = True
    """Keep it within ζ, start noise included. Default yes."""
    attack_all: bool = False
    """Attack biases and normalisation too, as the published program does. Default no."""
    warmup: int = 0
    """Epochs of clean training before it. Default 0."""
    input_size: float = 0.0
    """Largest change of a pixel by an attack on the images too, 0 to 1 (0: none). Default 0."""
    input_steps: int = 3
    """Its steps, at least 1; without effect where `input_size` is 0. Default 3."""

    def __post_init__(self):
        for name in ("gamma", "attack_size", "start_noise", "input_size"):
            checks.number(name, getattr(self, name))
        for name in ("gamma", "input_size"):
            if getattr(self, name) > 1:
                raise ValueError(f"{name} is 0 to 1; got {getattr(self, name)}")
        for name in ("attack_steps", "input_steps"):
            checks.whole_number(name, getattr(self, name), smallest=1)
        checks.whole_number("warmup", self.warmup, smallest=0)
        for name in ("project", "attack_all"):
            checks.switch(name, getattr(self, name))


class Regime(base.Regime):
    """For each batch: θ_A of the adversary against the cross-entropy, the gradient at θ + γ(θ_A − θ), applied to θ.

    With `input_size` the images of that gradient are attacked too, at θ. γ = 0 is the clean regime.
    """

    def __init__(self, cfg, model, optimizer, options: Options):
        super().__init__(cfg, model, optimizer)
        self.options = options
        self.attack = WeightAttack(
            model,
            options.attack_size,
            options.attack_steps,
            options.start_noise,
            project=options.project,
            attack_all=options.attack_all,
        )

    def start_epoch(self, epoch: int) -> None:
        """Begin this epoch's streams of the adversaries' starts."""
        self.epoch = epoch
        self.starts = streams.normals(self.cfg.seed, "weight_attack", epoch, self.device)
        self.input_starts = streams.generator(self.cfg.seed, "input_attack", epoch, self.device)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The gradients at θ + γ(θ_A − θ); the weights are θ again when it returns."""
        options = self.options
        if options.gamma == 0 or self.epoch <= options.warmup:
            return super().backward(images, labels)
        random = RandomState(self.device)

        def loss(of: torch.Tensor) -> torch.Tensor:
            with random.again():
                return loss_of(self.model, self.logits(of), labels)

        shifts = self.attack.find(lambda: [loss(images)], self.starts)
        if options.input_size > 0:
            with frozen_statistics(self.model):
                images = attacked_images(images, loss, options.input_size, options.input_steps, self.input_starts)
        with self.attack.applied(shifts, options.gamma):
            return super().backward(images, labels)
