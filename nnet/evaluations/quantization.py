"""Accuracy with weights rounded to few bits."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from nnet import checks
from nnet.evaluations import base
from nnet.perturbations.weight_noise import replaced, weight_tensors

FIGURE = {"axis": "bits of a weight"}
MOST_BITS = 16


@dataclass(frozen=True)
class Options:
    """What can be chosen of the rounding. Raises ValueError for a wrong value."""

    bits: Sequence[int] = (8, 7, 6, 5, 4, 3, 2, 1)
    """Bits of a weight, 1 to 16. Default 8 to 1."""

    def __post_init__(self):
        if isinstance(self.bits, str | int) or not self.bits:
            raise ValueError(f"bits must be a list of whole numbers, not empty; got {self.bits!r}")
        for bits in self.bits:
            if checks.whole_number("bits", bits, smallest=1) > MOST_BITS:
                raise ValueError(f"bits is at most {MOST_BITS}; got {bits}")
        if len(set(self.bits)) < len(self.bits):
            raise ValueError(f"bits has duplicates: {list(self.bits)}")


class Evaluation(base.Evaluation):
    """A row per number of bits, which stands as its strength: each weight tensor rounded by `quantized`."""

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.options = options
        self.weights = weight_tensors(trained.model)

    def rows(self) -> list[dict]:
        """The rows in ascending order of bits."""
        return [self._row(bits) for bits in sorted(self.options.bits)]

    def passes(self) -> tuple[int, int]:
        """One pass per number of bits."""
        return len(self.options.bits), 0

    def _row(self, bits: int) -> dict:
        with replaced(self.weights, [quantized(weight.data, bits) for weight in self.weights]):
            return self.row(float(bits), [self.trained.measure(self.trained.model)])


def quantized(weight: torch.Tensor, bits: int) -> torch.Tensor:
    """A weight tensor rounded to `bits` bits, symmetric around 0 and with one scale per tensor.

    To the nearest of the 2ᵇ − 1 multiples of max|w|/(2ᵇ⁻¹ − 1) that do not exceed max|w|; with one bit to ±mean|w|,
    which is nearest in the mean square (Rastegari et al. 2016, arXiv:1603.05279, equation 6).
    """
    if bits == 1:
        return torch.where(weight < 0, -1.0, 1.0).to(weight.dtype) * weight.abs().mean()
    most = 2 ** (bits - 1) - 1
    step = weight.abs().max() / most
    return weight.clone() if step == 0 else (weight / step).round().clamp_(-most, most) * step
