"""Libraries that only some datasets need, listed in requirements-sequences.txt."""

import importlib
from types import ModuleType

from nnet.checks import ConfigError


def wanted(name: str, dataset: str) -> ModuleType:
    """The library of this name. Raises ConfigError, which says what to install, if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(
            f"the dataset {dataset} needs the package {name}: pip install -r requirements-sequences.txt"
        ) from error
