"""A dataset without code: an .npz file with four arrays."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nnet.checks import ConfigError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
FAILURES = (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for files that are damaged or hold Python objects, which are never unpickled."""


def read(path: Path, arrays: Sequence[str] = ARRAYS) -> list[np.ndarray]:
    """The arrays of these names as the file has them; `validation.validated` checks them.

    Raises ConfigError, in one sentence, if the file cannot be read or if an array is missing.
    """
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            missing = [name for name in arrays if name not in file]
            if not missing:
                return [file[name] for name in arrays]
    except FAILURES as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"cannot read {path}: not an .npz file of plain arrays ({reason})") from error
    raise ConfigError(f"{path} has no array {missing[0]!r}; it needs {', '.join(arrays)}")
