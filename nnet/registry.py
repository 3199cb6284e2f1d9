"""Plug-ins, found by file name.

A plug-in is one file in the folder of its kind: `nnet/architectures/`, `nnet/datasets/`, `nnet/regimes/`,
`nnet/evaluations/`, `campaign/engines/`, `campaign/analysis/questions/`, `campaign/exporters/` or `studies/`. Its
public name is the file's name or, for a file that holds a family, each key of its `VARIANTS`. `base.py` and files whose
name begins with an underscore or a dot are not plug-ins.

The environment variable `NNET_PLUGINS` names a folder with further plug-ins, in sub-folders of the same last names
(`architectures/`, …, `engines/`, `questions/`, `exporters/`, `studies/`). They are imported as modules of the same
packages.

What must be known before a launch (names, options, a few constants) is read from the file's text, without importing
it: the launcher lists and checks plug-ins in milliseconds, without torch.
"""

import ast
import functools
import importlib
import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from nnet.checks import ConfigError, Rule, nearest, unknown

KINDS = ("architectures", "datasets", "evaluations", "regimes")
"""The kinds of plug-ins that a run is made of."""


def names(kind: str) -> list[str]:
    """The public names of all plug-ins of one kind, sorted; `kind` is a folder of `nnet`, a dotted package or studies.

    Raises ConfigError if `NNET_PLUGINS` is not a folder, or if two files have plug-ins of the same name.
    """
    return sorted(_files(kind))


def load(kind: str, name: str) -> ModuleType:
    """Import the plug-in `name`. Raises ConfigError if there is none, or if its file is not valid Python."""
    file = path_of(kind, name)
    _statements(file)
    package = importlib.import_module(_package(kind))
    package.__path__ = [str(folder) for folder in _folders(kind, users_folder())]
    module = importlib.import_module(f"{package.__name__}.{file.stem}")
    if not os.path.samefile(module.__file__ or os.devnull, file):
        raise ConfigError(f"rename {file}: {module.__name__} is already the module {module.__file__}")
    return module


def source(kind: str, name: str) -> bytes:
    """The content of the plug-in's file. Raises ConfigError if there is none."""
    return path_of(kind, name).read_bytes()


def path_of(kind: str, name: str) -> Path:
    """The plug-in's file. Raises ConfigError if there is none."""
    require(kind, name, f"name among the {kind}:")
    return _files(kind)[name]


def constant(kind: str, name: str, variable: str, default: object = None) -> Any:
    """A constant that the plug-in's file assigns at top level as a literal, or `default`; the file is not imported.

    Raises ConfigError as `load` does.
    """
    return _literals(path_of(kind, name)).get(variable, default)


def option_names(kind: str, name: str) -> list[str]:
    """The options that a plug-in takes: the fields of the class `Options` that its file defines or imports.

    The file is not imported. Raises ConfigError as `load` does.
    """
    return list(_options(path_of(kind, name)))


def option_defaults(kind: str, name: str) -> dict[str, object]:
    """The defaults of these options; None for one that is not a literal. The file is not imported."""
    return dict(_options(path_of(kind, name)))


def require(kind: str, name: object, what: str) -> None:
    """Raise ConfigError "unknown <what> '<name>'; choose from [...]" unless the plug-in exists."""
    if not isinstance(name, str) or name not in _files(kind):
        raise unknown(what, name, names(kind))


def name_in(kind: str) -> Rule:
    """Rule: the name of a plug-in of this kind."""

    def rule(name: str, value: object) -> object:
        require(kind, value, kind.removesuffix("s"))
        return value

    return rule


def check_options(options: Iterable[str], kind: str, name: str) -> None:
    """Raise ConfigError, listing the known ones, for the first of `options` that the plug-in does not take."""
    known = option_names(kind, name)
    for option in options:
        if option not in known:
            choices = f"choose from {sorted(known)}" if known else "it has no options"
            raise ConfigError(f"unknown option {option!r} of {name}; {choices}{nearest(option, known)}")


def make_options(kind: str, name: str, options: dict) -> dict:
    """{"options": Options(...)} of one plug-in from its options by name; {} if it takes none.

    Raises ConfigError for an unknown option and for a wrong value.
    """
    check_options(options, kind, name)
    return {"options": load(kind, name).Options(**options)} if option_names(kind, name) else {}


def users_code() -> dict[str, bytes]:
    """The content of the user's files that a run may be made of, by their paths below the folder `NNET_PLUGINS`."""
    users = users_folder()
    if users is None:
        return {}
    files = [path for kind in KINDS for path in sorted((users / kind).rglob("*.py"))]
    return {str(path.relative_to(users)): content(path) for path in files}


def content(path: Path) -> bytes:
    """The bytes of a file of code, none if it cannot be read: only runs that use it fail."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def users_folder() -> Path | None:
    """The folder of the user's own plug-ins, or None. Raises ConfigError if `NNET_PLUGINS` is not a folder."""
    named = os.environ.get("NNET_PLUGINS")
    if not named:
        return None
    if not Path(named).is_dir():
        where = "" if Path(named).is_absolute() else f" in {Path.cwd()}"
        raise ConfigError(f"NNET_PLUGINS names {named!r}, which is not a folder{where}")
    return Path(named).resolve()


def _package(kind: str) -> str:
    return kind if "." in kind or kind == "studies" else f"nnet.{kind}"


def _folders(kind: str, users: Path | None) -> list[Path]:
    """The program's folder of this kind, then the user's."""
    spec = find_spec(_package(kind))
    own = [Path(folder) for folder in spec.submodule_search_locations or []][:1] if spec else []
    return own if users is None else [*own, users / kind.split(".")[-1]]


def _files(kind: str) -> dict[str, Path]:
    return _files_in(kind, users_folder())


@functools.cache
def _files_in(kind: str, users: Path | None) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in [path for folder in _folders(kind, users) for path in sorted(folder.glob("*.py"))]:
        if path.stem == "base" or path.stem[0] in "_.":
            continue
        for name in _variants(path):
            if name in files:
                raise ConfigError(f"{path} and {files[name]} both define {name!r} among the {kind}: rename one of them")
            files[name] = path
    return files


def _variants(path: Path) -> Iterable[str]:
    """The public names of a file's plug-ins. A file that cannot be read keeps its name: it fails where it is used."""
    try:
        variants = _literals(path).get("VARIANTS", [path.stem])
    except ConfigError:
        return [path.stem]
    sound = isinstance(variants, dict | list | tuple) and all(isinstance(name, str) for name in variants)
    return variants if sound else [path.stem]


@functools.cache
def _statements(path: Path) -> list[ast.stmt]:
    try:
        return ast.parse(path.read_bytes()).body
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: brackets without end
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise ConfigError(f"{path}{line} is not valid Python: {getattr(error, 'msg', error)}") from error


@functools.cache
def _options(path: Path) -> dict[str, object]:
    for node in _statements(path):
        if isinstance(node, ast.ClassDef) and node.name == "Options":
            fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            return {ast.unparse(item.target): _default(item.value) for item in fields}
        if isinstance(node, ast.ImportFrom) and "Options" in [alias.name for alias in node.names]:
            spec = find_spec(str(node.module))
            if spec is None or spec.origin is None:
                raise ConfigError(f"{path} imports Options from {node.module}, which does not exist")
            return _options(Path(spec.origin))
    return {}


def _default(value: ast.expr | None) -> object:
    """The default in `name: kind = default` or `… = setting(default, …)`; None if it is not a literal.

    Also that of `field(default=default)`.
    """
    if isinstance(value, ast.Call):
        stated = [keyword.value for keyword in value.keywords if keyword.arg == "default"]
        value = next(iter([*value.args, *stated]), None)
    try:
        return None if value is None else ast.literal_eval(value)
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None


@functools.cache
def _literals(path: Path) -> dict[str, Any]:
    literals = {}
    for node in _statements(path):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                literals[node.targets[0].id] = ast.literal_eval(node.value)
            except (ValueError, TypeError, RecursionError, MemoryError):  # {[]: 1} is no literal either
                continue
    return literals
