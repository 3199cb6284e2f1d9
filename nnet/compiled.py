"""Loops over numbers, compiled by Numba for this processor when they are first used."""

import os

from numba import njit

compiled = njit(error_model="numpy", fastmath={"contract", "reassoc"}, cache="NUMBA_CACHE_DIR" in os.environ)
"""Decorator. Compiling takes a second, once per launch; where `NUMBA_CACHE_DIR` is set it is kept there instead."""
