"""The code that a run is made of."""

import functools
import hashlib
from pathlib import Path

from nnet import registry

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def code_sha256() -> str:
    """SHA-256 of the files that a run is made of: `nnet_models.py`, `nnet/` and the plug-ins of the user's."""
    digest = hashlib.sha256()
    for path in [ROOT / "nnet_models.py", *sorted((ROOT / "nnet").rglob("*.py"))]:
        digest.update(repr((str(path.relative_to(ROOT)), path.read_bytes())).encode())
    for item in registry.users_code().items():
        digest.update(repr(item).encode())
    return digest.hexdigest()
