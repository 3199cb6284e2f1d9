"""Studies: files of data in `studies/`, or any other file of that form."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from nnet import registry
from nnet.checks import ConfigError, unknown

KIND = "studies"
PROGRAM = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Study:
    """What a study's file holds. Its lines are settings: a list varies, anything else is one value."""

    name: str
    """Its name, or the path of its file, for messages."""
    block: dict
    """The lines that all parts have (`BLOCK`)."""
    parts: list[dict] = field(default_factory=lambda: [{}])
    """What each part differs in (`PARTS`)."""
    reference: dict | None = None
    """What its runs are compared with (`REFERENCE`), like {"regime": "clean"}."""


def load(name: str) -> Study:
    """The study of this name, or in the file of this path, which ends in .py.

    Raises ConfigError, in one sentence, for an unknown name and for whatever is wrong with the file.
    """
    module = _module_of_file(Path(name)) if name.endswith(".py") else _module(name)
    block, parts = getattr(module, "BLOCK", None), getattr(module, "PARTS", [{}])
    reference = getattr(module, "REFERENCE", None)
    if not isinstance(block, dict):
        raise ConfigError(f"study {name} needs BLOCK, a dict of settings by name")
    if not isinstance(parts, list | tuple) or not parts or not all(isinstance(part, dict) for part in parts):
        raise ConfigError(f"PARTS of study {name} must be a list of dicts, not empty")
    if reference is not None and not isinstance(reference, dict):
        raise ConfigError(f"REFERENCE of study {name} must be a dict, like {{'regime': 'clean'}}")
    return Study(name, block, list(parts), reference)


def _module(name: str) -> ModuleType:
    if name not in registry.names(KIND):
        raise unknown("study", name, registry.names(KIND), "or give the path of a .py file")
    with _errors_in_one_sentence(name):
        return registry.load(KIND, name)


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    module = ModuleType(f"study_{path.stem}")
    module.__file__ = str(path)
    with _errors_in_one_sentence(str(path)):
        exec(compile(path.read_bytes(), path, "exec"), vars(module))
    return module


@contextmanager
def _errors_in_one_sentence(name: str) -> Iterator[None]:
    try:
        yield
    except SyntaxError as error:
        raise ConfigError(f"study {name}: {error.filename}, line {error.lineno}: {error.msg}") from error
    except Exception as error:  # noqa: BLE001 - the file is the user's and may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        if not isinstance(error, ConfigError) and Path(frames[-1].filename).is_relative_to(PROGRAM):
            raise  # a bug of this program, which the study called
        lines = [frame for frame in frames if frame.name == "<module>"]
        place = f"{lines[-1].filename}, line {lines[-1].lineno}: " if lines else ""
        kind = "" if isinstance(error, ConfigError) else f"{type(error).__name__}: "
        raise ConfigError(f"study {name}: {place}{kind}{error}") from error
