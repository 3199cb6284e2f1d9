"""The dataset of a configuration: the name of a plug-in, or the path of an .npz file."""

import re
from pathlib import Path

from nnet import checks, registry
from nnet.checks import ConfigError

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
