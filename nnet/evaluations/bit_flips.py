"""Accuracy with flipped bits in the memory that holds the weights: soft errors, or memory at low voltage.

Reagen et al. 2018, "Ares: a framework for quantifying the resilience of deep neural networks" (DAC); Stutz,
Chandramoorthy, Hein and Schiele 2021, "Bit error robustness for energy-efficient DNN accelerators" (MLSys,
arXiv:2006.13977), whose bit errors at some rate are also among those at every larger rate, as here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from nnet.checks import between, check_fields, one_of, setting, several, whole
from nnet.evaluations import base
from nnet.evaluations.parts.fixed_point import codes_and_step
from nnet.perturbations.tensors import replaced, weight_tensors
from nnet.random import streams
from nnet.random.bernoulli import Bernoulli

STRENGTHS = "rates"
DRAWS = "draws"
CARD = {"draws": 2}
FIGURE = {"axis": "probability q that a stored bit flips", "scale": "symlog"}


@dataclass(frozen=True)
class Options:
    """Options of the flips. Raises ConfigError for a wrong value."""

    rates: Sequence[float] = setting((0.0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2), several(between(0, 1), "probabilities"))
    """q, the probability that a stored bit flips, 0 to 1. Default 0 and 10⁻⁶ to 10⁻²."""
    draws: int = setting(5, whole(1))
    """Samples of the flipped bits for each q, at least 1. Default 5."""
    storage: str = setting("int8", one_of(("int8", "fp32")))
    """How a weight is stored. int8: symmetric fixed point, codes from −127 to 127 in two's complement with one scale
    per tensor, max|w|/127. fp32: IEEE 754 single precision. Default int8."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """A point per q and draw: each bit of each stored weight is flipped with probability q, independently.

    A bit that flips at some q flips at every larger q of the same draw. At q = 0 the weights are those in the memory:
    with int8 they are rounded to 8 bits, with fp32 they are exact. With fp32 a weight may become infinite or NaN; an
    image with a NaN among its logits is counted as wrong, and a loss that is not finite is null.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained, options)
        self.weights = weight_tensors(trained.model)

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """A row per point."""
        trained, storage = self.trained, self.options.storage
        for rate, draw in points:
            flips = Bernoulli(streams.seed_of(trained.seed, "evaluation/bit_flips", draw), rate)
            with replaced(self.weights, [flipped(weight.data, storage, flips) for weight in self.weights]):
                row = self.row(rate, draw, trained.measure(trained.model))
            yield [row]


def flipped(weight: torch.Tensor, storage: str, flips: Bernoulli) -> torch.Tensor:
    """A weight tensor as it is read from a memory of this kind in which the next bits of `flips` have flipped.

    Word after word in the order of the elements, from the lowest bit to the highest.
    """
    if storage == "fp32":
        stored = weight.float().cpu().contiguous().numpy().view(np.uint32)
        read = stored ^ flips.words(stored.size, 32).reshape(stored.shape)
        return torch.from_numpy(read.view(np.float32)).to(weight)
    codes, step = codes_and_step(weight, 8)
    stored = codes.to(torch.int8).cpu().contiguous().numpy().view(np.uint8)
    read = stored ^ flips.words(stored.size, 8).astype(np.uint8).reshape(stored.shape)
    return torch.from_numpy(read.view(np.int8)).to(weight) * step
