"""Named random streams: every draw of a run comes from a generator that says what it is for.

A stream is seeded by hash from (seed, purpose, index), so no draw depends on what was drawn for another
purpose, on the regime, or on the process in which a run happens. Purposes: `init` (weights), `order` (batches,
per epoch), `augment` (crops and mirror images, per epoch), `pixels` (corruption of training images, per epoch),
`test_pixels` (of test images, once), `weight_noise`, `gradient_noise` and `static_noise` (of training, per epoch),
`weight_attack` and `input_attack` (where adversaries start, per epoch), `sweep` (test-time noise, per draw),
`test_attack`, `corners` and `landscape` (of evaluations, per restart, corner and direction), `global` (the process-wide
generators, per epoch: for what takes no generator, like dropout).
"""

import hashlib

import torch

from nnet.random.normals import Normals


def seed_of(seed: int, purpose: str, index: int = 0) -> int:
    """The 63-bit seed of one stream: the SHA-256 of its name, cut; `index` is an epoch or a draw."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, index: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A fresh generator at the beginning of one stream, on `device`."""
    return torch.Generator(device).manual_seed(seed_of(seed, purpose, index))


def normals(seed: int, purpose: str, index: int = 0, device: torch.device | str = "cpu") -> Normals:
    """The standard normal numbers of one stream from its beginning, on `device`."""
    return Normals(seed_of(seed, purpose, index), device)
