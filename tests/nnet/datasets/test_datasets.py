"""What every dataset promises, including the user's plug-ins."""

import os
from pathlib import Path

import numpy as np
import pytest

from nnet import registry
from nnet.config import AUGMENTATIONS, default_data_dir
from nnet.data.validation import validated
from nnet.datasets.base import files_of, input_of

BESIDE = (".tar", ".csv")
"""Suffixes of files that lie beside the data: what is still packed, and lists."""


@pytest.fixture(params=registry.names("datasets"))
def dataset(request) -> tuple[str, Path]:
    """The name of a dataset and the folder that has its files; skips if a file is missing."""
    folder = Path(default_data_dir()).absolute()
    for file, paths in files_of(request.param, folder).items():
        if all(path.suffix in BESIDE for path in paths):
            pytest.skip(f"no {file} in {folder}: set NNET_DATA_DIR")
    for library in registry.constant("datasets", request.param, "LIBRARIES", ()):
        pytest.importorskip(library)
    return request.param, folder


def read(name: str, folder: Path):
    """The four arrays, with the default options."""
    return registry.load("datasets", name).read(folder, **registry.make_options("datasets", name, {}))


def test_arrays_are_valid_as_they_are_read(dataset, capsys):
    name, folder = dataset
    arrays = read(name, folder)
    said = capsys.readouterr().err
    checked = validated(arrays, name, input_of(name))
    assert all(np.array_equal(one, other) for one, other in zip(arrays, checked, strict=True))
    kind = np.uint8 if input_of(name) == "images" else np.float32
    assert [array.dtype for array in arrays] == [kind, np.int64, kind, np.int64]
    assert np.array_equal(np.unique(arrays[1]), np.unique(arrays[3]))
    assert capsys.readouterr().err == "" and (said == "" or said.startswith("note: "))


def test_reading_again_from_the_stated_files_alone_gives_the_same_arrays(dataset, tmp_path, monkeypatch):
    name, folder = dataset
    np.random.seed(1)
    first = read(name, folder)
    for path in [path for paths in files_of(name, folder).values() for path in paths]:
        place = tmp_path / path.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(path, place)
    monkeypatch.setattr("urllib.request.urlopen", None)
    np.random.seed(2)
    assert all(np.array_equal(one, other) for one, other in zip(first, read(name, tmp_path), strict=True))


@pytest.mark.parametrize("name", registry.names("datasets"))
def test_constants_are_known_to_the_program(name):
    assert registry.constant("datasets", name, "AUGMENTATION", "none") in AUGMENTATIONS
    assert all(isinstance(file, str) for file in registry.constant("datasets", name, "FILES", ()))
