"""Loops over numbers, compiled by Numba for this processor when they are first used."""

import os
import platform

from llvmlite import binding

if platform.machine() in ("x86_64", "AMD64"):
    # Numba reads it when it compiles. By itself LLVM uses half of the width of vectors on processors of Intel.
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{binding.get_host_cpu_features().flatten()},-prefer-256-bit")

from numba import njit  # noqa: E402

compiled = njit(error_model="numpy", fastmath={"contract", "reassoc"}, cache="NUMBA_CACHE_DIR" in os.environ)
"""Decorator. Compiling takes a second, once per launch; where `NUMBA_CACHE_DIR` is set it is kept there instead."""
