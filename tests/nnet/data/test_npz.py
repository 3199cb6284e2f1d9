"""Wrong and damaged files of the user's own data are refused in one sentence."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nnet.checks import ConfigError
from nnet.data import npz, prepared
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


def header(shape: tuple, size: int) -> bytes:
    """An .npz file whose x_train says that it has this shape, and has `size` bytes."""
    archive, array = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(array, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x_train.npy", array.getvalue() + bytes(size))
        for name in npz.ARRAYS[1:]:
            file.writestr(f"{name}.npy", array.getvalue())
    return archive.getvalue()


@pytest.mark.parametrize(
    ("shape", "size"), [((10**13,), 96), ((10**30, 2), 96), ((2**62, 4), 0), ((-1, 96), 96), ((3, 32), 97), ((0, 5), 1)]
)
def test_an_array_that_is_not_as_large_as_it_says_is_refused_and_takes_no_memory(tmp_path, shape, size):
    (tmp_path / "a.npz").write_bytes(header(shape, size))
    with pytest.raises(ConfigError, match=r"cannot read .*a\.npz: not an .npz file of plain arrays") as refused:
        npz.read(tmp_path / "a.npz")
    assert "\n" not in str(refused.value)


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
