"""The dataset of a configuration: the name of a plug-in, or the path of an .npz file."""

import ast
import functools
import re
import zipfile
from pathlib import Path

from nnet import checks, registry
from nnet.checks import ConfigError
from nnet.files import outside

INPUTS = {"images": 3, "sequences": 2}
"""The kinds of input, with the dimensions of a sample: C×H×W and T×C."""
LONGEST_HEADER = 1024
"""Bytes from the start of an array in which its type and shape are."""
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


def check_dataset(name: str, value: object) -> str:
    """Rule: the name of a dataset, or the path of an .npz file that exists and whose name can name a folder."""
    named = checks.path(name, value)
    if not named.endswith(".npz"):
        names = registry.names("datasets")
        if named not in names:
            raise checks.unknown(name, named, names, "or give the path of an .npz file")
    elif not Path(named).is_file():
        raise ConfigError(f"there is no file {named}")
    elif not SAFE_NAME.fullmatch(Path(named).stem):
        raise ConfigError(
            f"the name of {named!r} becomes a folder's name: use at most 80 letters, digits, '.', '_' and '-'"
        )
    return named


def input_of(dataset: str, sha256: str | None = None) -> str:
    """The kind of input that a dataset has, one of `INPUTS`.

    A plug-in states it as `INPUT`. An .npz file, whose content is that of `sha256`, has sequences if its x_train is
    float32 of three dimensions; one that cannot be read counts as images, and the run says what is wrong with it.
    """
    if not dataset.endswith(".npz"):
        return registry.constant("datasets", dataset, "INPUT", "images")
    return _input_of_file(dataset, sha256)


def check_input(arch: str, dataset_name: str, has: str) -> None:
    """Raise ConfigError if an architecture takes another kind of input than the dataset has."""
    takes = registry.constant("architectures", arch, "INPUT", "images")
    if takes != has:
        raise ConfigError(f"{arch} takes {takes}, but {dataset_name} has {has}")


def files_of(dataset: str, data_dir: str | Path) -> dict[str, list[Path]]:
    """The existing data files of a dataset, by the name or pattern in its `FILES`; {} for an .npz file."""
    stated = () if dataset.endswith(".npz") else registry.constant("datasets", dataset, "FILES", ())
    return {name: sorted(path for path in Path(data_dir).glob(name) if path.is_file()) for name in stated}


@functools.lru_cache(maxsize=256)
def _input_of_file(path: str, sha256: str | None) -> str:
    try:
        with outside.parsing(path), outside.opened(path) as file, zipfile.ZipFile(file) as archive:
            with archive.open("x_train.npy") as member:
                start = member.read(LONGEST_HEADER).decode("latin-1")
            header = ast.literal_eval(start[start.index("{") : start.index("}") + 1])
            return "sequences" if (header["descr"], len(header["shape"])) == ("<f4", 3) else "images"
    except (OSError, outside.Unreadable):
        return "images"
