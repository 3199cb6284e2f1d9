"""The arrays of every dataset, checked in one place: those of an .npz file and those that a plug-in returns."""

from collections.abc import Mapping, Sequence

import numpy as np

from nnet.checks import ConfigError
from nnet.console import complain

CHANNELS_FIRST, CHANNELS_LAST = "N×C×H×W", "N×H×W×C"
LONG = 4
"""Arrays this many times longer than wide are signals, not images."""


def validated(
    arrays: Sequence, source: str, kind: str = "images"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """x_train, y_train, x_test, y_test: images uint8 N×C×H×W or sequences float32 N×T×C, labels int64 N from 0 up.

    `kind`: images or sequences. Images of shape N×H×W or N×H×W×C are recognised and rearranged, with a warning on
    stderr. Raises ConfigError, in one sentence that names `source`, for wrong types or shapes, and for labels with
    gaps, of one class only, or unknown in training.
    """
    if len(arrays) != 4:
        raise ConfigError(f"{source} must give x_train, y_train, x_test and y_test; it gives {len(arrays)} arrays")
    x_train, y_train, x_test, y_test = (np.asarray(array) for array in arrays)
    given = {"x_train": x_train.shape, "x_test": x_test.shape}
    check = as_images if kind == "images" else _as_sequences
    x_train, x_test = (check(x, name, source) for x, name in ((x_train, "x_train"), (x_test, "x_test")))
    if kind == "images":
        say_layouts(given, source)
    if x_train.shape[1:] != x_test.shape[1:]:
        raise ConfigError(
            f"x_train and x_test of {source} have {kind} of different shapes: {x_train.shape[1:]}, {x_test.shape[1:]}"
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


def say_layouts(shapes: Mapping[str, tuple[int, ...]], source: str) -> None:
    """Warn on stderr if images of these shapes, by the name of their array, are rearranged."""
    layouts = {name: layout(shape, name, source) for name, shape in shapes.items()}
    alike = len(set(layouts.values())) == 1
    for name, shape in list(shapes.items())[: 1 if alike else None]:
        if layouts[name] != CHANNELS_FIRST:
            what = f"the images of {source} have" if alike else f"{name} of {source} has"
            read = f"{'they are' if alike else 'it is'} read as {layouts[name]}"
            complain(f"warning: {what} the shape {shape}; {read}")


def as_images(images: np.ndarray, name: str, source: str) -> np.ndarray:
    """One array of images as uint8 N×C×H×W; N×H×W and N×H×W×C are recognised. Raises ConfigError for anything else."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or 0 in images.shape:
        raise ConfigError(
            f"{name} of {source} must be uint8 of shape N×C×H×W, not empty; it is {images.dtype} {images.shape}"
        )
    if images.ndim == 3:
        return images[:, None]
    return images.transpose(0, 3, 1, 2) if layout(images.shape, name, source) == CHANNELS_LAST else images


def _as_sequences(sequences: np.ndarray, name: str, source: str) -> np.ndarray:
    """One array of sequences, float32 N×T×C. Raises ConfigError for anything else, and for values not finite."""
    if sequences.dtype != np.float32 or sequences.ndim != 3 or 0 in sequences.shape:
        raise ConfigError(
            f"{name} of {source} must be sequences float32 N×T×C, not empty; it is {sequences.dtype} {sequences.shape}"
        )
    if not np.isfinite(sequences).all():
        raise ConfigError(f"{name} of {source} has values that are not finite")
    return sequences


def layout(shape: tuple[int, ...], name: str, source: str) -> str:
    """The layout of images of this shape, of three or four dimensions.

    Channels come last in images of 3 channels and in square ones of up to 4; N×12×500×1 could be 12 signals. Raises
    ConfigError for shapes that could be either, which would be trained in silence as many channels of thin images.
    """
    if len(shape) == 3:
        return "N×H×W"
    _, first, second, last = shape
    if first in (1, 3) or (last > 4 and (second > 4 or first != last)):
        return CHANNELS_FIRST
    if last == 3 or (first == second and (last == 1 or (last <= 4 < first))):
        return CHANNELS_LAST
    long = max(first, second) > LONG * min(first, second)
    if first <= 4 or (last <= 4 and long):
        return CHANNELS_FIRST
    raise ConfigError(
        f"{name} of {source} has the shape {tuple(shape)}, from which it is not clear where the channels are: give "
        "images as N×C×H×W, and signals of C channels as N×C×1×T"
    )


def _labels(labels: np.ndarray, images: np.ndarray, name: str, source: str) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        raise ConfigError(
            f"{name} of {source} must be {len(images)} integers, one per image; it is {labels.dtype} {labels.shape}"
        )
    return labels.astype(np.int64)
