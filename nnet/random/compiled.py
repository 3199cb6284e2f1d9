"""Loops over numbers, compiled by Numba for this processor at first use."""

import os
import platform

import numba
from numba.core.codegen import get_host_cpu_features

if platform.machine() in ("x86_64", "AMD64"):
    # By default LLVM uses only half of the vector width on Intel processors.
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{get_host_cpu_features()},-prefer-256-bit")
    numba.config.reload_config()

compiled = numba.njit(error_model="numpy", fastmath={"contract", "reassoc"}, cache="NUMBA_CACHE_DIR" in os.environ)
"""Decorator. Compilation takes a second per launch; with `NUMBA_CACHE_DIR` the result is stored there and reused."""
