"""The folder for files that can be recreated at any time: prepared data, measured costs."""

import os
from pathlib import Path


def cache_root() -> Path:
    """`NNET_CACHE_DIR`, or `nnet-weight-perturbations` in the user's cache folder."""
    if "NNET_CACHE_DIR" in os.environ:
        return Path(os.environ["NNET_CACHE_DIR"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnet-weight-perturbations"
