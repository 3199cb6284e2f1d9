"""A dataset without code: an .npz file with four arrays."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def read(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x_train, y_train, x_test, y_test of the file: images uint8 N×C×H×W, labels integers N from 0 up.

    Nothing is unpickled. Raises ValueError, in one sentence, where an array is missing or has a wrong dtype,
    shape or range, or where the file cannot be read.
    """
    arrays = dict(zip(ARRAYS, _load(path), strict=True))
    for split in ("train", "test"):
        images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
        if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
            raise ValueError(
                f"x_{split} in {path} must be uint8 of shape N×C×H×W, not empty; it is {images.dtype} {images.shape}"
            )
        if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
            raise ValueError(
                f"y_{split} in {path} must be {len(images)} integers, one per image; "
                f"it is {labels.dtype} {labels.shape}"
            )
    if arrays["x_train"].shape[1:] != arrays["x_test"].shape[1:]:
        raise ValueError(
            f"x_train and x_test in {path} have images of different shapes: "
            f"{arrays['x_train'].shape[1:]} and {arrays['x_test'].shape[1:]}"
        )
    present = np.unique(arrays["y_train"])
    if not np.array_equal(present, np.arange(len(present))) or len(present) < 2:
        raise ValueError(
            f"y_train in {path} must have labels 0, 1, … without a gap, two classes at least; "
            f"it has {len(present)} different ones from {present[0]} to {present[-1]}"
        )
    if not np.isin(arrays["y_test"], present).all():
        raise ValueError(f"y_test in {path} has labels outside 0 … {present[-1]}, which training never sees")
    return tuple(array.astype(np.int64) if array.ndim == 1 else array for array in arrays.values())


def _load(path: Path) -> list[np.ndarray]:
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            missing = [name for name in ARRAYS if name not in file]
            if not missing:
                return [file[name] for name in ARRAYS]
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is no readable .npz file of plain arrays ({reason})") from error
    raise ValueError(f"{path} has no array {missing[0]!r}; it needs {', '.join(ARRAYS)}")
