"""Loops over numbers, compiled by Numba for this processor when they are first used."""

import os
import platform

import numba
from numba.core.codegen import get_host_cpu_features

if platform.machine() in ("x86_64", "AMD64"):
    # By itself LLVM uses half of the width of vectors on processors of Intel.
    os.environ.setdefault("NUMBA_CPU_FEATURES", f"{get_host_cpu_features()},-prefer-256-bit")
    numba.config.reload_config()

compiled = numba.njit(error_model="numpy", fastmath={"contract", "reassoc"}, cache="NUMBA_CACHE_DIR" in os.environ)
"""Decorator. Compiling takes a second, once per launch; where `NUMBA_CACHE_DIR` is set it is kept there instead."""
