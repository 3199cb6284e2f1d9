"""Corruption of input pixels: each pixel value independently, with probability p.

`replacement`: it becomes U(0, 1). `additive`: σ·(U(0, 1) - ½) is added to it, and the sum clipped to [0, 1].
"""

import numpy as np
import torch

from nnet.random.compiled import compiled
from nnet.random.philox import LANES, fill

TILE = 2 * LANES
F32, U32, U64 = np.float32, np.uint32, np.uint64
UNIFORM_BITS = U32(8)
UNIFORM = F32(2**-24)


class PixelNoise:
    """The corruption of batch after batch, from one stream of random numbers.

    The numbers depend only on `seed` (63 bits) and their place in the stream: a pixel that is corrupted with some p is
    corrupted in the same way with any larger p. On a GPU they come from PyTorch's generator.
    """

    def __init__(self, corruption: str, p: float, sigma: float, seed: int, device: torch.device | str = "cpu"):
        """`corruption`: replacement or additive; `p`: 0 to 1; `sigma`: σ ≥ 0 of `additive`, in units of pixels."""
        self.p, self.seed, self.place = p, seed, 0
        self.keep, self.spread = {"replacement": (0.0, 1.0), "additive": (1.0, sigma)}[corruption]
        self.shift = -self.keep * self.spread / 2
        on_cpu = torch.device(device).type == "cpu"
        self.generator = None if on_cpu else torch.Generator(device).manual_seed(seed)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """The next images, corrupted: float32 B×C×H×W in [0, 1]. p = 0 returns `images` itself and draws nothing."""
        if self.p == 0:
            return images
        if self.generator is not None:
            chosen, uniform = torch.rand((2, *images.shape), generator=self.generator, device=images.device)
            noisy = (self.keep * images + self.spread * uniform + self.shift).clamp_(0, 1)
            return torch.where(chosen < self.p, noisy, images)
        tiles = -(-images.numel() // TILE)
        numbers = np.zeros(tiles * TILE, np.float32)
        numbers[: images.numel()] = images.reshape(-1).numpy()
        highest = max(1, round(self.p * 2**32)) - 1
        _corrupt(
            numbers.reshape(-1, TILE), U32(highest), F32(self.keep), F32(self.spread), F32(self.shift),
            self.place, self.seed,
        )  # fmt: skip
        self.place += tiles * LANES
        return torch.from_numpy(numbers[: images.numel()]).view(images.shape)


@compiled
def _corrupt(numbers, highest, keep, spread, shift, place, key):
    """Two pixels per place of the stream: one word decides whether a pixel is corrupted, the next is its number."""
    words = np.empty((4, LANES), np.uint32)
    for tile in range(numbers.shape[0]):
        fill(words, U64(place) + U64(tile * LANES), key)
        for half in range(2):
            pixels = numbers[tile, half * LANES : (half + 1) * LANES]
            _corrupt_half(pixels, words[2 * half], words[2 * half + 1], highest, keep, spread, shift, half == 0)


@compiled
def _corrupt_half(pixels, choices, words, highest, keep, spread, shift, first):
    """The order of the sums of each half is part of the results."""
    for lane in range(LANES):
        pixel, uniform = pixels[lane], F32(np.int32(words[lane] >> UNIFORM_BITS)) * UNIFORM
        noisy = keep * pixel + (spread * uniform + shift) if first else (keep * pixel + shift) + spread * uniform
        pixels[lane] = min(max(noisy, F32(0)), F32(1)) if choices[lane] <= highest else pixel
