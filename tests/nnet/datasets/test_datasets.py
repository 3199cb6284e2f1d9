"""What every dataset promises, including the user's plug-ins."""

import os
from pathlib import Path

import numpy as np
import pytest

from nnet import registry
from nnet.config import AUGMENTATIONS, default_data_dir
from nnet.data.validation import validated


@pytest.fixture(params=registry.names("datasets"))
def dataset(request) -> tuple[str, Path]:
    """The name of a dataset and the folder that has its files; skips if a file is missing."""
    folder = Path(default_data_dir()).absolute()
    for file in registry.constant("datasets", request.param, "FILES", ()):
        if not (folder / file).is_file():
            pytest.skip(f"no {file} in {folder}: set NNET_DATA_DIR")
    return request.param, folder


def test_arrays_are_valid_as_they_are_read(dataset, capsys):
    name, folder = dataset
    arrays = registry.load("datasets", name).read(folder)
    checked = validated(arrays, name)
    assert all(np.array_equal(one, other) for one, other in zip(arrays, checked, strict=True))
    assert [array.dtype for array in arrays] == [np.uint8, np.int64, np.uint8, np.int64]
    assert np.array_equal(np.unique(arrays[1]), np.unique(arrays[3]))
    assert capsys.readouterr().err == ""


def test_reading_again_from_the_stated_files_alone_gives_the_same_arrays(dataset, tmp_path, monkeypatch):
    name, folder = dataset
    read = registry.load("datasets", name).read
    np.random.seed(1)
    first = read(folder)
    for file in registry.constant("datasets", name, "FILES", ()):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        os.symlink(folder / file, tmp_path / file)
    monkeypatch.setattr("urllib.request.urlopen", None)
    np.random.seed(2)
    assert all(np.array_equal(one, other) for one, other in zip(first, read(tmp_path), strict=True))


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_constants_are_known_to_the_program(name):
    assert registry.constant("datasets", name, "AUGMENTATION", "none") in AUGMENTATIONS
    assert all(isinstance(file, str) for file in registry.constant("datasets", name, "FILES", ()))
