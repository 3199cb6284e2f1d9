"""Accuracy at the worst weights that an adversary finds, within ζ of each weight.

Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial regularization" (ICLR), figure 3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from nnet.checks import check_fields, one_of, positive, setting, strengths, switch, whole
from nnet.evaluations import base
from nnet.perturbations.divergences import BOUNDARY_LOSSES
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams

STRENGTHS = "zetas"
DRAWS = "restarts"
REPORTS = "objective"
CARD = {"zetas": (0.0, 0.05, 0.2)}
FIGURE = {
    "axis": "how far weights are moved, ζ (relative to each weight)",
    "scale": "symlog",
    "measured_at": "the worst weights found",
    "beside": {"random_corners": "every weight moved by ζ, up or down at random"},
}
COLUMNS = {"objective": "largest value of the adversary's objective among the restarts, at the weights that it found"}


@dataclass(frozen=True)
class Options:
    """Options of the adversary. Raises ConfigError for a wrong value."""

    zetas: Sequence[float] = setting((0.0, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5), strengths)
    """ζ, the largest change of a weight relative to its size, ≥ 0, including 0. Default 0 to 0.5."""
    objective: str = setting("ce", one_of(BOUNDARY_LOSSES))
    """Objective that the adversary maximises: ce, the cross-entropy of the labels, or kl, reverse_kl, js or l2, the
    distance of the outputs from those at the unperturbed weights. Default ce."""
    restarts: int = setting(1, whole(1))
    """Restarts, at least 1; the one with the largest objective is reported. Default 1."""
    test_attack_steps: int = setting(10, whole(1))
    """N, the number of the adversary's steps, of ζ/N each, at least 1. Default 10."""
    test_start_noise: float = setting(1e-3, positive)
    """Standard deviation of the noise at which a restart begins, relative to the weights, > 0: without it all restarts
    would be the same, and the gradient of kl is 0 at the unperturbed weights. Default 0.001."""
    test_attack_all: bool = setting(False, switch)
    """Also attack biases and normalisation layers, as the published program does. Default no."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is ζ and a draw is a restart; tables report the restart whose column `objective` is largest.

    The adversary knows all test images and labels. Its gradient is that of the mean over all images, summed batch by
    batch. Start k is the same for every ζ.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained, options)
        self.boundary = BOUNDARY_LOSSES[options.objective]
        self.images = sum(len(labels) for _, labels in trained.batches)

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """One row per ζ and restart: accuracy, loss and objective at the weights that this restart ends with."""
        with torch.no_grad():
            targets = [self.trained.logits(images) for images, _ in self.trained.batches]
        for zeta, restart in points:
            if zeta == 0:
                yield [self.row(zeta, restart, self.trained.clean, objective=self._reached(targets))]
            else:
                yield [self._worst(zeta, restart, targets)]

    def _worst(self, zeta: float, restart: int, targets: list[torch.Tensor]) -> dict:
        trained, options = self.trained, self.options
        steps, start_noise = options.test_attack_steps, options.test_start_noise
        attack = WeightAttack(trained.model, zeta, steps, start_noise, attack_all=options.test_attack_all)
        normals = streams.normals(trained.seed, "evaluation/worst_case", restart, trained.device)
        shifts = attack.find(lambda: self._objective(targets), normals)
        with attack.applied(shifts):
            return self.row(zeta, restart, trained.measure(trained.model), objective=self._reached(targets))

    def _objective(self, targets: list[torch.Tensor]) -> Iterator[torch.Tensor]:
        """The parts of the mean over all images, batch by batch."""
        for (images, labels), target in zip(self.trained.batches, targets, strict=True):
            share = len(labels) / self.images
            yield share * self.boundary(target, self.trained.logits(images), labels)

    def _reached(self, targets: list[torch.Tensor]) -> float:
        """The objective at the current weights."""
        with torch.no_grad():
            return sum(part.item() for part in self._objective(targets))
