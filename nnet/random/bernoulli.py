"""Random bits, each of them 1 with the same probability: counter-based, as the numbers of `normals`."""

import math

import numpy as np

from nnet.random.compiled import compiled
from nnet.random.philox import philox

BITS_OF_PLACE = 4
"""One place of the stream decides on four bits."""
U32, U64 = np.uint32, np.uint64


class Bernoulli:
    """A stream of words whose bits are independently 1 with probability p, the same for the same `seed` (63 bits).

    A bit that is 1 for some p is 1 for every larger p. Probabilities are rounded to multiples of 2⁻³².
    """

    def __init__(self, seed: int, p: float):
        """`p`: 0 to 1."""
        self.seed, self.threshold, self.place = seed, round(p * 2**32), 0

    def words(self, count: int, bits: int) -> np.ndarray:
        """The next `count` words, uint32: the lowest `bits` (1 to 32) of each are random, the others 0."""
        words = np.zeros(count, np.uint32)
        _fill(words, bits, U64(self.threshold), self.place, self.seed)
        self.place += count * math.ceil(bits / BITS_OF_PLACE)
        return words


@compiled
def _fill(words, bits, threshold, place, key):
    for index in range(len(words)):
        word = U32(0)
        for first in range(0, bits, BITS_OF_PLACE):
            a, b, c, d = philox(place, key)
            place += 1
            four = U32(U64(a) < threshold) | U32(U64(b) < threshold) << U32(1)
            four |= U32(U64(c) < threshold) << U32(2) | U32(U64(d) < threshold) << U32(3)
            word |= four << U32(first)
        words[index] = word if bits == 32 else word & U32((1 << bits) - 1)
