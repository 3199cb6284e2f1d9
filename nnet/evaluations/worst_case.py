"""Accuracy where an adversary moves the weights to: the worst that it finds within ζ of each weight.

Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial regularization" (ICLR), figure 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from nnet import checks
from nnet.evaluations import base
from nnet.perturbations.divergences import BOUNDARY_LOSSES
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams

FIGURE = {
    "axis": "how far weights are moved, ζ (relative to each weight)",
    "scale": "symlog",
    "measured_at": "the worst weights found",
    "beside": {"random_corners": "random corners of the same box"},
}


@dataclass(frozen=True)
class Options:
    """What can be chosen of the adversary. Raises ValueError for a wrong value."""

    zetas: Sequence[float] = base.ZETAS
    """ζ, how far a weight may be moved, relative to its size; 0 is among them. Default 0 to 0.5."""
    objective: str = "ce"
    """What it makes large: ce, the cross-entropy of the labels, or kl, reverse_kl, js or l2, how far the outputs are
    from those at the weights themselves. Default ce."""
    restarts: int = 1
    """Starts, of which the one counts that ends with the largest objective, at least 1. Default 1."""
    test_attack_steps: int = 10
    """N, its steps, of ζ/N each, at least 1. Default 10."""
    test_start_noise: float = 1e-3
    """Standard deviation of the noise that it starts from, relative to the weights, above 0. Default 0.001."""
    test_attack_all: bool = False
    """Attack biases and normalisation too, as the published program does. Default no."""

    def __post_init__(self):
        checks.strengths("zetas", self.zetas)
        checks.choice("objective", self.objective, BOUNDARY_LOSSES)
        for name in ("restarts", "test_attack_steps"):
            checks.whole_number(name, getattr(self, name), smallest=1)
        if checks.number("test_start_noise", self.test_start_noise) == 0:
            raise ValueError("test_start_noise must be above 0: restarts begin at it, and the gradient of kl is 0 at θ")
        checks.switch("test_attack_all", self.test_attack_all)


class Evaluation(base.Evaluation):
    """A row per ζ, with `noise_samples` the number of restarts: accuracy and loss at the worst end of them.

    The adversary knows all test images with their labels. Its gradient is that of the mean over all of them, summed
    batch by batch. Start k is the same for every ζ.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.options = options
        self.boundary = BOUNDARY_LOSSES[options.objective]
        self.images = sum(len(labels) for _, labels in trained.batches)

    def rows(self) -> list[dict]:
        """The rows in ascending order of ζ."""
        with torch.no_grad():
            targets = [self.trained.logits(images) for images, _ in self.trained.batches]
        return [self._row(zeta, targets) for zeta in checks.strengths("zetas", self.options.zetas)]

    def passes(self) -> tuple[int, int]:
        """One pass at θ; per restart one for each step, with gradients, one to measure, one to choose."""
        attacks = self.options.restarts * sum(zeta > 0 for zeta in self.options.zetas)
        choosing = attacks if self.options.restarts > 1 else 0
        return 1 + attacks + choosing, attacks * self.options.test_attack_steps

    def _row(self, zeta: float, targets: list[torch.Tensor]) -> dict:
        if zeta == 0:
            return self.row(zeta, [self.trained.clean])
        options, found = self.options, []
        attack = WeightAttack(
            self.trained.model,
            zeta,
            options.test_attack_steps,
            options.test_start_noise,
            attack_all=options.test_attack_all,
        )
        for restart in range(options.restarts):
            normals = streams.normals(self.trained.seed, "test_attack", restart, self.trained.device)
            shifts = attack.find(lambda: self._objective(targets), normals)
            with attack.applied(shifts):
                found.append((self._reached(targets), self.trained.measure(self.trained.model)))
        _, worst = max(found, key=lambda end: end[0])
        return self.row(zeta, [worst]) | {"noise_samples": options.restarts}

    def _objective(self, targets: list[torch.Tensor]) -> Iterator[torch.Tensor]:
        """The parts of the mean over all images, batch by batch."""
        for (images, labels), target in zip(self.trained.batches, targets, strict=True):
            share = len(labels) / self.images
            yield share * self.boundary(target, self.trained.logits(images), labels)

    def _reached(self, targets: list[torch.Tensor]) -> float:
        """The objective at the weights as they are; not needed where there is nothing to choose from."""
        if self.options.restarts == 1:
            return 0.0
        with torch.no_grad():
            return sum(part.item() for part in self._objective(targets))
