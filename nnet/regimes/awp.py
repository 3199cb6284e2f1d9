"""Adversarial weight perturbation: the gradient is taken at weights that an adversary has moved.

The rule is that of Wu, Xia and Wang 2020, "Adversarial Weight Perturbation Helps Robust Generalization" (NeurIPS); the
adversary is that of Büchel, Faber and Muir 2022 (ICLR, algorithm 1). Differences from Wu et al.: a weight moves
relative to its own size, not a tensor relative to its norm; there are N steps along signs, not one along the gradient;
γ is a share of the adversary's way, not its radius; images are attacked only with `input_size`; weight decay acts at θ,
where their program applies it at the moved weights. Differences from Büchel et al.: projection, and an attack on the
images that takes whole batches with a fresh start for each.
"""

from dataclasses import dataclass

import torch

from nnet.checks import between, check_fields, number, setting, switch, whole
from nnet.perturbations.pixel_attack import attacked_images
from nnet.perturbations.tensors import frozen_statistics
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams
from nnet.random.global_state import RandomState
from nnet.regimes import base
from nnet.training.loss import loss_of

USES_ALPHA_TRAIN = False
IDLE = {"gamma": (0, ()), "input_size": (0, ("input_steps",))}


@dataclass(frozen=True)
class Options:
    """Options of the adversary. Raises ConfigError for a wrong value."""

    gamma: float = setting(0.1, between(0, 1))
    """γ, the fraction of the adversary's path at which the gradient is taken, 0 to 1. Default 0.1."""
    attack_size: float = setting(0.2, number)
    """ζ, the largest change of a weight by the adversary, relative to the weight's size, ≥ 0. Default 0.2."""
    attack_steps: int = setting(10, whole(1))
    """N, the number of the adversary's steps, of ζ/N each, at least 1. Default 10."""
    start_noise: float = setting(1e-3, number)
    """Standard deviation of the noise at which the adversary starts, relative to the weights, ≥ 0. Default 0.001."""
    project: bool = setting(True, switch)
    """Keep the adversary within ζ, including its start noise. Default yes."""
    attack_all: bool = setting(False, switch)
    """Also attack biases and normalisation layers, as the published program does. Default no."""
    warmup: int = setting(0, whole(0))
    """Epochs of clean training at the beginning, at least 0. Default 0."""
    input_size: float = setting(0.0, between(0, 1))
    """Largest change of a pixel by an additional attack on the images, 0 to 1; 0 is no such attack. Default 0."""
    input_steps: int = setting(3, whole(1))
    """Steps of the attack on the images, at least 1; without effect if `input_size` is 0. Default 3."""

    def __post_init__(self):
        check_fields(self)


class Regime(base.Regime):
    """For each batch an adversary maximises the loss at θ_A; the gradient at θ + γ(θ_A − θ) updates θ.

    With `input_size` the images for that gradient are attacked too, at θ. γ = 0 is the clean regime.
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
        """Start this epoch's streams for the adversaries' starting points."""
        self.epoch = epoch
        self.starts = streams.normals(self.cfg.seed, "weight_attack", epoch, self.device)
        self.input_starts = streams.generator(self.cfg.seed, "input_attack", epoch, self.device)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the gradients at θ + γ(θ_A − θ); the weights are θ again on return."""
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
