"""A dataset without code: an .npz file with four arrays."""

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnet.checks import ConfigError, Refused
from nnet.files import outside
from nnet.files.content import refuse_replaced

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
HEADERS: dict[tuple[int, int], Any] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
MOST_COMPRESSED = 1032
"""How many times smaller zlib can make an array; an array that would be larger is not in the file."""


def read(path: Path, arrays: Sequence[str] = ARRAYS, sha256: str | None = None) -> list[np.ndarray]:
    """The arrays of these names as the file has them; `validation.validated` checks them.

    Raises ConfigError, in one sentence, if the file cannot be read or if an array is missing, and Refused if its
    content is not that of `sha256`.
    """
    try:
        with outside.parsing(f"cannot read {path}: not an .npz file of plain arrays", passed=(ConfigError, Refused)):
            with outside.opened(path) as file, zipfile.ZipFile(file) as archive:
                present = archive.namelist()
                for name in arrays:
                    if f"{name}.npy" not in present:
                        raise ConfigError(f"{path} has no array {name!r}; it needs {', '.join(arrays)}")
                found = [_array(archive, name) for name in arrays]
                if sha256 is not None:
                    file.seek(0)  # afterwards: also a file that is written over while it is read is noticed
                    refuse_replaced(path, file, sha256)
    except outside.Unreadable as error:
        raise ConfigError(str(error)) from error
    return found


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array whose header states as many bytes as the file has; else NumPy would ask for any amount of memory."""
    entry = archive.getinfo(f"{name}.npy")
    with archive.open(entry) as member:
        shape, _, dtype = HEADERS[np.lib.format.read_magic(member)](member)
        size = member.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects")
    if size != entry.file_size or size > MOST_COMPRESSED * (entry.compress_size + 1):
        raise ValueError(f"{name} has more or fewer bytes than its shape")
    with archive.open(entry) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
