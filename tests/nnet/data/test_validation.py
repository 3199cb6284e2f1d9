"""Arrays of any dataset: rearranged if their layout is known, refused in one sentence if they are wrong."""

import numpy as np
import pytest

from nnet.checks import ConfigError
from nnet.data.validation import validated
from tests.conftest import blobs


def arrays(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    pixels = np.random.default_rng(0).integers(0, 256, (10, *shape)).astype(np.uint8)
    return pixels, np.arange(10) % 2, pixels[:4], np.arange(4) % 2


@pytest.mark.parametrize(
    ("shape", "layout", "axes"),
    [((9, 7), "N×H×W", None), ((8, 8, 1), "N×H×W×C", (0, 3, 1, 2)), ((8, 6, 3), "N×H×W×C", (0, 3, 1, 2))],
)
def test_other_layouts_are_recognised_and_said(capsys, shape, layout, axes):
    x, y, x_test, y_test = arrays(shape)
    images, _, test_images, _ = validated((x, y, x_test, y_test), "pets")
    expected = x[:, None] if axes is None else x.transpose(axes)
    assert np.array_equal(images, expected) and np.array_equal(test_images, expected[:4])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the images of pets have the shape") and line.endswith(f"read as {layout}")


def test_images_with_transparency_are_recognised_and_each_array_has_its_layout(capsys):
    x, y, x_test, y_test = arrays((9, 9, 4))
    images, _, test_images, _ = validated((x, y, x_test.transpose(0, 3, 1, 2), y_test), "pets")
    assert np.array_equal(images, x.transpose(0, 3, 1, 2)) and np.array_equal(test_images, images[:4])
    assert capsys.readouterr().err == ("warning: x_train of pets has the shape (10, 9, 9, 4); it is read as N×H×W×C\n")


UNCLEAR = [(28, 20, 1), (20, 28, 1), (28, 24, 4), (24, 20, 2), (16, 3, 16), (9, 1, 9), (32, 4, 32)]


@pytest.mark.parametrize("shape", UNCLEAR)
def test_images_whose_channels_could_be_elsewhere_are_refused(shape):
    with pytest.raises(ConfigError, match=r"x_train of pets has .* not clear where the channels are") as refused:
        validated(arrays(shape), "pets")
    assert "\n" not in str(refused.value)


FIRST = [(1, 8, 8), (3, 8, 8), (3, 8, 3), (1, 9, 1), (12, 500, 1), (2, 9, 13), (32, 8, 8), (64, 1, 500), (4, 8, 8)]


@pytest.mark.parametrize("shape", FIRST)
def test_channels_first_stay_as_they_are(capsys, shape):
    before = arrays(shape)
    after = validated(before, "pets")
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))
    assert [array.dtype for array in after] == [np.uint8, np.int64, np.uint8, np.int64]
    assert capsys.readouterr().err == ""


X, Y = blobs(96)
WRONG = {
    r"x_train of pets must be uint8 of shape N×C×H×W, not empty; it is float64 \(96, 1, 8, 8\)": (X / 255, Y, X, Y),
    r"x_test of pets must be uint8 .*\(96, 8\)": (X, Y, X[:, 0, 0], Y),
    "x_test of pets must be .* not empty": (X, Y, X[:0], Y[:0]),
    "y_train of pets must be 96 integers, one per image": (X, Y[:50], X, Y),
    "y_test of pets must be 96 integers": (X, Y, X, Y.astype(float)),
    "x_train and x_test of pets have images of different shapes": (X, Y, X[:, :, :4], Y),
    "y_train of pets must have labels 0, 1, … without a gap": (X, np.where(Y == 1, 255, Y), X, Y),
    "at least two classes": (X, 0 * Y, X, 0 * Y),
    "y_test of pets has labels outside 0 … 2": (X, Y, X, Y + 1),
    "pets must give x_train, y_train, x_test and y_test; it gives 2 arrays": (X, Y),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arrays_are_refused_in_one_sentence(message):
    with pytest.raises(ConfigError, match=message) as caught:
        validated(WRONG[message], "pets")
    assert "\n" not in str(caught.value)
