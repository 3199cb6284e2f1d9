"""Certified accuracy: the share of images that no change of the weights within ζ of each weight can misclassify.

Bounds on the logits for all weights in the box θ ± ζ|θ| of `worst_case`, by interval propagation: Gowal et al. 2018,
"On the effectiveness of interval bound propagation for training verifiably robust models" (arXiv:1810.12715); for
weights Weng et al. 2020, "Towards certificated model robustness against weight perturbations" (AAAI).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from nnet.checks import check_fields, setting, strengths, switch
from nnet.evaluations import base
from nnet.evaluations.parts.bounded import Bounds, Box
from nnet.perturbations.tensors import trainable_tensors, weight_tensors

STRENGTHS = "zetas"
CARD = {"zetas": (0.0, 0.0001, 0.001, 0.01)}
FIGURE = {
    "name": "certified accuracy (%)",
    "axis": "certified for all weights within ζ (relative to each weight)",
    "scale": "symlog",
}


@dataclass(frozen=True)
class Options:
    """Options of the bounds. Raises ConfigError for a wrong value."""

    zetas: Sequence[float] = setting((0.0, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02), strengths)
    """ζ, the largest change of a weight relative to its size, ≥ 0, including 0. Default 0 to 0.02."""
    test_attack_all: bool = setting(False, switch)
    """Biases and normalisation layers may change too. Default no."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is ζ. Accuracy: the share of images whose true class is certain to have the largest logit, because
    its lower bound is above the upper bounds of all others. Loss: an upper bound on the mean cross-entropy.

    For every choice of weights in the box accuracy is at least, and loss at most, what is reported, up to the rounding
    of float32. At ζ = 0 the network itself is measured.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.bounds = Bounds(trained.model)
        self.moving = (trainable_tensors if options.test_attack_all else weight_tensors)(trained.model)

    @classmethod
    def check(cls, model: nn.Module) -> None:
        """Raise ConfigError, naming the layer or function, if a part of the network cannot be bounded."""
        training = [module for module in model.modules() if module.training]
        try:
            Bounds(model.eval())
        finally:
            for module in training:
                module.training = True

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """One row per ζ."""
        for zeta, draw in points:
            yield [self.row(zeta, draw, self._certified(zeta) if zeta > 0 else self.trained.clean)]

    @torch.inference_mode()
    def _certified(self, zeta: float) -> tuple[float, float]:
        box, certain, loss, total = Box(zeta, self.moving), 0, 0.0, 0
        for images, labels in self.trained.batches:
            logits = self.bounds.of(images, box)
            true = functional.one_hot(labels, logits.lower.shape[1]).bool()
            others = logits.upper.masked_fill(true, -torch.inf).amax(1)
            certain += int((logits.lower[true] > others).sum())
            worst = torch.where(true, logits.lower, logits.upper)
            loss += functional.cross_entropy(worst, labels, reduction="sum").item()
            total += len(labels)
        return certain / total, loss / total
