"""The code that a run is made of."""

import functools
import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def code_sha256() -> str:
    """SHA-256 of the files that a run is made of: `nnet_models.py` and everything in `nnet/`."""
    digest = hashlib.sha256()
    for path in [ROOT / "nnet_models.py", *sorted((ROOT / "nnet").rglob("*.py"))]:
        digest.update(repr((str(path.relative_to(ROOT)), path.read_bytes())).encode())
    return digest.hexdigest()
