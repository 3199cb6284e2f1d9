"""Named random streams: every draw of a run comes from a generator that is named after its purpose.

A stream is seeded by hash from (seed, purpose, index), so that no draw depends on draws for another purpose, on the
regime, or on the process in which a run happens. A purpose is declared where it is used, by its name in a call of
`seed_of`, `generator` or `normals`; `index` is an epoch, a draw, a restart, …
"""

import hashlib

import torch

from nnet.random.normals import Normals


def seed_of(seed: int, purpose: str, index: int = 0) -> int:
    """The 63-bit seed of one stream: the beginning of the SHA-256 of its name."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str, index: int = 0, device: torch.device | str = "cpu") -> torch.Generator:
    """A new generator at the beginning of one stream, on `device`."""
    return torch.Generator(device).manual_seed(seed_of(seed, purpose, index))


def normals(seed: int, purpose: str, index: int = 0, device: torch.device | str = "cpu") -> Normals:
    """The standard normal numbers of one stream from the beginning, on `device`."""
    return Normals(seed_of(seed, purpose, index), device)
