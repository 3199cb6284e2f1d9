"""Accuracy with weights that are stuck: defective cells of a memory that holds each weight as an analog value.

The magnitude of a weight is taken as the conductance of one memory cell, and its sign as the choice of one of two
wires, which does not fail. Xia, Liu, Ning, Chakrabarty and Wang 2017, "Fault-tolerant training with on-line fault
detection for RRAM-based neural computing systems" (DAC).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from nnet.checks import between, check_fields, one_of, setting, several, whole
from nnet.evaluations import base
from nnet.perturbations.tensors import replaced, weight_tensors
from nnet.random import streams
from nnet.random.bernoulli import Bernoulli

STRENGTHS = "shares"
DRAWS = "draws"
CARD = {"shares": (0.0, 0.01, 0.05, 0.1, 0.2), "draws": 2}
FIGURE = {"axis": "share of the weights that are stuck", "scale": "symlog"}


@dataclass(frozen=True)
class Options:
    """Options of the faults. Raises ConfigError for a wrong value."""

    shares: Sequence[float] = setting(
        (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2), several(between(0, 1), "probabilities")
    )
    """The probability that a weight is stuck, 0 to 1. Default 0 to 0.2."""
    draws: int = setting(5, whole(1))
    """Samples of the stuck weights for each share, at least 1. Default 5."""
    value: str = setting("zero", one_of(("zero", "largest")))
    """Where weights are stuck. zero: the cell does not conduct (stuck at 0, high resistance). largest: the cell
    conducts as well as it can (stuck at 1, low resistance), and the weight is ±max|w| of its tensor with the sign that
    it had, + for a weight of 0. Default zero."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """A point per share and draw: each weight is stuck with this probability, independently.

    A weight that is stuck at some share is stuck at every larger share of the same draw.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained, options)
        self.weights = weight_tensors(trained.model)

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """A row per point."""
        trained, value = self.trained, self.options.value
        for share, draw in points:
            faults = Bernoulli(streams.seed_of(trained.seed, "evaluation/stuck_at", draw), share)
            with replaced(self.weights, [stuck(weight.data, value, faults) for weight in self.weights]):
                row = self.row(share, draw, trained.measure(trained.model))
            yield [row]


def stuck(weight: torch.Tensor, value: str, faults: Bernoulli) -> torch.Tensor:
    """A weight tensor in which the weights that the next bits of `faults` choose are stuck at `value`."""
    chosen = torch.from_numpy(faults.words(weight.numel(), 1)).bool().view(weight.shape).to(weight.device)
    if value == "zero":
        return weight.masked_fill(chosen, 0.0)
    largest = weight.abs().max()
    return torch.where(chosen, torch.where(weight < 0, -largest, largest), weight)
