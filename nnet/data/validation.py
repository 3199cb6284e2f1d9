"""The arrays of every dataset, checked in one place: those of an .npz file and those that a plug-in returns."""

from collections.abc import Sequence

import numpy as np

from nnet.checks import ConfigError
from nnet.console import complain


def validated(arrays: Sequence, source: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x_train, y_train, x_test, y_test: images uint8 N×C×H×W, labels int64 N from 0 up.

    Images of shape N×H×W or N×H×W×C are recognised and rearranged, with a warning on stderr. Raises ConfigError, in
    one sentence that names `source`, for wrong types or shapes, and for labels with gaps, of one class only, or unknown
    in training.
    """
    if len(arrays) != 4:
        raise ConfigError(f"{source} must give x_train, y_train, x_test and y_test; it gives {len(arrays)} arrays")
    x_train, y_train, x_test, y_test = (np.asarray(array) for array in arrays)
    shape = x_train.shape
    x_train, x_test = as_images(x_train, "x_train", source), as_images(x_test, "x_test", source)
    say_layout(shape, x_train, source)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ConfigError(
            f"x_train and x_test of {source} have images of different shapes: {x_train.shape[1:]}, {x_test.shape[1:]}"
        )
    y_train, y_test = _labels(y_train, x_train, "y_train", source), _labels(y_test, x_test, "y_test", source)
    classes = np.unique(y_train)
    if not np.array_equal(classes, np.arange(len(classes))) or len(classes) < 2:
        raise ConfigError(
            f"y_train of {source} must have labels 0, 1, … without a gap, of at least two classes; it has "
            f"{len(classes)} different labels from {classes[0]} to {classes[-1]}"
        )
    if not np.isin(y_test, classes).all():
        raise ConfigError(f"y_test of {source} has labels outside 0 … {classes[-1]}, which do not occur in y_train")
    return x_train, y_train, x_test, y_test


def say_layout(shape: tuple[int, ...], images: np.ndarray, source: str) -> None:
    """Warn on stderr if images of this shape were rearranged."""
    if images.shape != shape:
        layout = "N×H×W" if len(shape) == 3 else "N×H×W×C"
        complain(f"warning: the images of {source} have the shape {shape}; they are read as {layout}")


def as_images(images: np.ndarray, name: str, source: str) -> np.ndarray:
    """One array of images as uint8 N×C×H×W; N×H×W and N×H×W×C are recognised. Raises ConfigError for anything else."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise ConfigError(
            f"{name} of {source} must be uint8 of shape N×C×H×W, not empty; it is {images.dtype} {images.shape}"
        )
    if images.ndim == 3:
        return images[:, None]
    return images.transpose(0, 3, 1, 2) if _has_channels_last(images.shape) else images


def _has_channels_last(shape: tuple[int, ...]) -> bool:
    """Whether images are N×H×W×C: of 3 channels, or square ones of 1 channel; N×12×500×1 could be 12 signals."""
    _, first, second, last = shape
    return first not in (1, 3) and (last == 3 or (last == 1 and first == second))


def _labels(labels: np.ndarray, images: np.ndarray, name: str, source: str) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ConfigError(
            f"{name} of {source} must be {len(images)} integers, one per image; it is {labels.dtype} {labels.shape}"
        )
    return labels.astype(np.int64)
