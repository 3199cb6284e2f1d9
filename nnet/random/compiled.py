"""Loops over numbers, compiled by Numba for this processor at first use."""

import hashlib
import os
import platform
from pathlib import Path

import numba
from numba.core.codegen import get_host_cpu_features

if platform.machine() in ("x86_64", "AMD64"):
    # By default LLVM uses only half of the vector width on Intel processors.
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{get_host_cpu_features()},-prefer-256-bit")
    numba.config.reload_config()
if "NUMBA_CACHE_DIR" in os.environ:
    # Numba notices a change in the file of a function, but not in those of functions that it calls.
    _sources = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    _folder = hashlib.sha256(b"".join(_sources)).hexdigest()[:16]
    numba.config.CACHE_DIR = os.path.join(os.environ["NUMBA_CACHE_DIR"], _folder)  # type: ignore[attr-defined]

compiled = numba.njit(error_model="numpy", fastmath={"contract", "reassoc"}, cache="NUMBA_CACHE_DIR" in os.environ)
"""Decorator. Compilation takes a second per launch; with `NUMBA_CACHE_DIR` the result is stored there and reused."""
