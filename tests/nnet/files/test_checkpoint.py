import pickle
import zipfile

import pytest
import torch

from nnet.files import checkpoint
from nnet.files.atomic import CannotWrite
from tests.conftest import flipped

STATE = {"weight": torch.arange(6.0).reshape(2, 3), "epoch": 3, "history": [{"loss": 0.5}], "name": "x", "none": None}


@pytest.fixture
def path(tmp_path):
    checkpoint.save(tmp_path / "folder/a.pt", STATE)
    return tmp_path / "folder/a.pt"


def same(state: dict) -> bool:
    return state | {"weight": None} == STATE | {"weight": None} and state["weight"].equal(STATE["weight"])


def test_what_is_saved_is_loaded_and_nothing_else_is_written(path):
    assert same(checkpoint.load(path))
    assert [item.name for item in path.parent.iterdir()] == ["a.pt"]


def test_it_is_an_ordinary_pytorch_file_and_an_ordinary_zip_archive(path):
    assert same(torch.load(path, weights_only=True))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None and archive.comment.startswith(b"sha256:")


def test_every_flipped_bit_and_every_cut_is_noticed(path):
    content = path.read_bytes()
    for place in range(0, len(content), 5):
        for changed in (flipped(content, place), content[:place]):
            path.write_bytes(changed)
            with pytest.raises(ValueError, match="is damaged: its check sum is wrong"):
                checkpoint.load(path)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("it was unpickled",)


def test_nothing_but_plain_data_is_unpickled(path):
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="is damaged"):
        checkpoint.load(path)
    checkpoint.save(path, {"bomb": Bomb()})  # with a check sum that is right
    with pytest.raises(ValueError, match="is not a checkpoint"):
        checkpoint.load(path)


def test_a_file_that_cannot_be_written_leaves_the_old_one_as_it_was(path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotWrite, match=r"cannot write in .*folder: No space left on device"):
        checkpoint.save(path, {"other": 1})
    assert same(checkpoint.load(path)) and [item.name for item in path.parent.iterdir()] == ["a.pt"]
