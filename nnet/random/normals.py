"""Standard normal numbers by the million: counter-based random bits and the Box–Muller transform.

PyTorch's generator on a CPU is serial: drawing the noise of a large network takes as long as training on a batch.
Here each number is a function of the stream's key and its place in the stream. Transform: Box and
Muller 1958 (doi:10.1214/aoms/1177706645), 32 bits for the radius (rounded to a single; |z| < 6.8) and 32 for the
angle; logarithm, sine and cosine are the polynomials of Cephes.
"""

import math

import numpy as np
import torch

from nnet.random.compiled import compiled
from nnet.random.philox import LANES, fill

TILE = 4 * LANES
I32, U32, U64, F32 = np.int32, np.uint32, np.uint64, np.float32
MANTISSA, QUADRANT, SIGN = I32(23), I32(2), U32(31)
BITS_OF_SQRT_HALF = I32(0x3F3504F3)
TWO_LN_2 = F32(2 * np.log(2))
ANGLE = F32(np.pi / 4 / 2**29)


class Normals:
    """A stream of independent N(0, 1) numbers, the same for the same `seed` (63 bits) on the same kind of device.

    On a GPU the numbers come from PyTorch's own generator, which is counter-based too.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu"):
        self.seed, self.counter, self.device = seed, 0, torch.device(device)
        self.generator = None if self.device.type == "cpu" else torch.Generator(device).manual_seed(seed)

    def draw(self, shape: torch.Size) -> "Draw":
        """The next numbers, one for each element of a tensor of this shape, in the order of the elements."""
        if self.generator is not None:
            return Draw(shape, drawn=torch.randn(shape, generator=self.generator, device=self.device))
        counter, self.counter = self.counter, self.counter + math.ceil(shape.numel() / TILE) * LANES
        return Draw(shape, self.seed, counter)


class Draw:
    """A part of a stream. On a CPU it takes no memory: the numbers are computed at each use."""

    def __init__(self, shape: torch.Size, seed: int = 0, counter: int = 0, drawn: torch.Tensor | None = None):
        self.shape, self.seed, self.counter, self.drawn = shape, seed, counter, drawn

    def numbers(self) -> torch.Tensor:
        """All numbers: float32, in the shape of the draw, on the device of the stream."""
        if self.drawn is not None:
            return self.drawn
        zeros = torch.zeros(self.shape, dtype=torch.float32)
        return self.added_to(zeros, 1.0, 0.0, zeros)

    def added_to(
        self, weight: torch.Tensor, constant: float | torch.Tensor, relative: float, out: torch.Tensor
    ) -> torch.Tensor:
        """Write weight + (constant + relative·|weight|)·z to `out` and return it.

        `weight`, detached, and `out` have the shape of the draw and the same floating type. On a CPU float32 tensors
        that are contiguous are written in one pass.
        """
        in_one_pass = self.drawn is None and weight.dtype == torch.float32
        if not (in_one_pass and weight.is_contiguous() and out.is_contiguous()):
            spread = constant if relative == 0 else constant + relative * weight.abs()
            return torch.add(weight, self.numbers().to(weight.dtype) * spread, out=out)
        source, target = weight.numpy().reshape(-1), out.numpy().reshape(-1)
        whole = len(source) // TILE * TILE
        self._add(source[:whole], constant, relative, target[:whole], 0)
        if whole < len(source):
            last = np.zeros(TILE, np.float32)
            last[: len(source) - whole] = source[whole:]
            self._add(last, constant, relative, last, whole // 4)
            target[whole:] = last[: len(source) - whole]
        return out

    def _add(self, source: np.ndarray, constant: float | torch.Tensor, relative: float, target: np.ndarray, start: int):
        source, target = source.reshape(-1, TILE), target.reshape(-1, TILE)
        _add(source, F32(constant), F32(relative), target, self.seed, self.counter + start)


@compiled
def _add(source, constant, relative, target, key, counter):
    words, z = np.empty((4, LANES), np.uint32), np.empty((4, LANES), np.float32)
    flat = z.reshape(TILE)
    for tile in range(source.shape[0]):
        fill(words, U64(counter) + U64(tile * LANES), key)
        _transform(words, z)
        for number in range(TILE):
            w = source[tile, number]
            target[tile, number] = w + (constant + relative * abs(w)) * flat[number]


@compiled
def _transform(words, z):
    for row in range(0, 4, 2):
        for lane in range(LANES):
            radius, (cosine, sine) = F32(np.sqrt(_minus_two_log(words[row, lane]))), _direction(words[row + 1, lane])
            z[row, lane], z[row + 1, lane] = radius * cosine, radius * sine


@compiled
def _minus_two_log(word):
    """-2 ln((word + 1/2) / 2³²) by ln(2ᵏ (1 + m)) = k ln 2 + ln(1 + m), with 1 + m between √½ and √2."""
    bits = F32(F32(word) + F32(0.5)).view(I32)
    power = I32(I32(bits - BITS_OF_SQRT_HALF) >> MANTISSA)
    m = I32(bits - I32(power << MANTISSA)).view(F32) - F32(1)
    series = F32(7.0376836292e-2) * m - F32(1.1514610310e-1)
    series = (series * m + F32(1.1676998740e-1)) * m - F32(1.2420140846e-1)
    series = (series * m + F32(1.4249322787e-1)) * m - F32(1.6668057665e-1)
    series = (series * m + F32(2.0000714765e-1)) * m - F32(2.4999993993e-1)
    series = (series * m + F32(3.3333331174e-1)) * m - F32(0.5)
    return F32(-2) * (series * m * m + m) + TWO_LN_2 * F32(I32(I32(32) - power))


@compiled
def _direction(word):
    """Cosine and sine of a uniform angle: 30 bits for an angle from -π/4 to π/4, 2 for the quadrant."""
    angle = F32(I32(I32(word) >> QUADRANT)) * ANGLE
    square = angle * angle
    sine = (F32(-1.9515295891e-4) * square + F32(8.3321608736e-3)) * square - F32(1.6666654611e-1)
    sine = sine * square * angle + angle
    cosine = (F32(2.4433157118e-5) * square - F32(1.3887316255e-3)) * square + F32(4.1666645683e-2)
    cosine = (cosine * square - F32(0.5)) * square + F32(1)
    swapped = (F32(cosine).view(U32) ^ F32(sine).view(U32)) & U32(
        U32(0) - (word & U32(1))
    )  # no branch: vectors have none
    half_turn = word >> U32(1)
    cosine_bits = F32(cosine).view(U32) ^ swapped ^ U32((word ^ half_turn) << SIGN)
    sine_bits = F32(sine).view(U32) ^ swapped ^ U32(half_turn << SIGN)
    return U32(cosine_bits).view(F32), U32(sine_bits).view(F32)
