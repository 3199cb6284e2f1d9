"""Wrong and damaged files of the user's own data are refused in one sentence."""

import os
from pathlib import Path

import numpy as np
import pytest

from nnet.data import prepared
from tests.conftest import blobs, save_npz

X, Y = blobs(96)


WRONG = {
    "no array 'y_test'": dict(y_test=None),
    "x_train .* must be uint8": dict(x_train=X.astype(np.float32)),
    "x_test .* N×C×H×W": dict(x_test=X[:48, 0, 0]),
    "y_train .* 96 integers": dict(y_train=Y[:50]),
    "y_test .* integers": dict(y_test=Y[:48].astype(np.float64)),
    "different shapes": dict(x_test=X[:48, :, :4]),
    "without a gap": dict(y_train=Y - 1),
    "labels 0, 1": dict(y_train=np.where(Y == 1, 255, Y)),
    "y_test .* outside": dict(y_test=Y[:48] + 1),
    "plain arrays": dict(y_train=np.array([None] * 96)),
    "not empty": dict(x_test=X[:0], y_test=Y[:0]),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_wrong_npz_is_refused_in_one_sentence(tmp_path, empty_cache, message):
    path = save_npz(tmp_path / "wrong.npz", **WRONG[message])
    with pytest.raises(ValueError, match=message) as caught:
        prepared.load(path, 8, ".")
    assert "wrong.npz" in str(caught.value) and "\n" not in str(caught.value)
    assert not [path for path in empty_cache.iterdir() if not path.name.startswith(".")]


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "flipped"])
def test_a_damaged_npz_is_refused_in_one_sentence(tmp_path, empty_cache, damage):
    path = Path(save_npz(tmp_path / "damaged.npz"))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    damaged = {"empty": b"", "cut": path.read_bytes()[:2000], "text": b"no zip file", "flipped": bytes(content)}
    path.write_bytes(damaged[damage])
    with pytest.raises(ValueError, match=r"damaged\.npz") as caught:
        prepared.load(str(path), 8, ".")
    assert "\n" not in str(caught.value)


def test_a_pickled_array_is_never_unpickled(tmp_path, empty_cache):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    array = np.empty(96, dtype=object)
    array[:] = [Bomb() for _ in range(96)]
    path = save_npz(tmp_path / "bomb.npz", y_train=array)
    with pytest.raises(ValueError, match="plain arrays"):
        prepared.load(path, 8, ".")
    assert not (tmp_path / "exploded").exists()
