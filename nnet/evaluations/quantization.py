"""Accuracy with weights rounded to few bits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from nnet.checks import check_fields, setting, several, whole
from nnet.evaluations import base
from nnet.evaluations.parts.fixed_point import codes_and_step
from nnet.perturbations.tensors import replaced, weight_tensors

STRENGTHS = "bits"
FIGURE = {"axis": "bits of a weight"}


@dataclass(frozen=True)
class Options:
    """Options of the rounding. Raises ConfigError for a wrong value."""

    bits: Sequence[int] = setting((1, 2, 3, 4, 5, 6, 7, 8), several(whole(1, 16), "whole numbers"))
    """Bits per weight, 1 to 16. Default 1 to 8."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is the number of bits: each weight tensor is rounded by `quantized`."""

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """One row per number of bits."""
        weights = weight_tensors(self.trained.model)
        for bits, draw in points:
            with replaced(weights, [quantized(weight.data, round(bits)) for weight in weights]):
                values = self.trained.measure(self.trained.model)
            yield [self.row(bits, draw, values)]


def quantized(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """A weight tensor rounded to `bits` bits, symmetric around 0 and with one scale per tensor.

    Values are rounded to the nearest of the 2ᵇ − 1 multiples of max|w|/(2ᵇ⁻¹ − 1) up to max|w|; with one bit to
    ±mean|w|, which has the smallest mean square error (Rastegari et al. 2016, arXiv:1603.05279, equation 6, with a
    scale per filter). The published program of Büchel, Faber and Muir 2022 (ICLR) has 2ᵇ levels, multiples of
    (max w − min w)/(2ᵇ − 1).
    """
    if bits == 1:
        return torch.where(weight < 0, -1.0, 1.0).to(weight.dtype) * weight.abs().mean()
    codes, step = codes_and_step(weight, bits)
    return codes * step
