"""Plug-ins, found by file name.

A plug-in is one file in the folder of its kind (`nnet/architectures/`, `nnet/datasets/`,
`nnet/regimes/`, `nnet/evaluations/`, `campaign/engines/`). Its public name is the file's name, or, for a
file that holds a family, each key of its `VARIANTS`. `base.py` and files that begin with an underscore are
no plug-ins.

What has to be known before anything is launched (names, options, a few constants) is read from the
file's text, without importing it: the launcher lists and checks plug-ins in milliseconds, without torch.
"""

import ast
import functools
import importlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


def names(kind: str) -> list[str]:
    """The public names of all plug-ins of one kind, sorted; `kind` is a folder of `nnet` or a dotted package."""
    return sorted(_files(kind))


def load(kind: str, name: str) -> ModuleType:
    """Import the plug-in `name`. Raises ValueError, listing the known names, where there is none."""
    return importlib.import_module(f"{_package(kind)}.{_file(kind, name).stem}")


def source(kind: str, name: str) -> bytes:
    """The content of the plug-in's file."""
    return _file(kind, name).read_bytes()


def constant(kind: str, name: str, variable: str, default: object = None) -> object:
    """A constant that the plug-in's file assigns at top level as a literal, or `default`; the file is not imported."""
    return _literals(_file(kind, name)).get(variable, default)


def option_names(kind: str, name: str) -> list[str]:
    """The options that a plug-in takes: the fields of the class `Options` that its file defines or imports.

    The file is not imported.
    """
    return list(_options(_file(kind, name)))


def option_defaults(kind: str, name: str) -> dict[str, object]:
    """The defaults of these options, as far as they are literals; the file is not imported."""
    return dict(_options(_file(kind, name)))


def check(kind: str, name: str, what: str) -> None:
    """Raise ValueError "unknown <what> '<name>'; choose from [...]" unless the plug-in exists."""
    if name not in _files(kind):
        raise ValueError(f"unknown {what} {name!r}; choose from {names(kind)}")


def check_options(options: dict, *plug_ins: tuple[str, str], more: Iterable[str] = ()) -> None:
    """Raise ValueError, listing the known ones, unless each of `options` is one of some (kind, name) in `plug_ins`.

    `more`: further known options, of what is no plug-in.
    """
    known = sorted({option for kind, name in plug_ins for option in option_names(kind, name)} | {*more})
    for option in options:
        if option not in known:
            owners = " and ".join(name for _, name in plug_ins)
            raise ValueError(f"unknown option {option!r} for {owners}; known options: {known}")


def make_options(kind: str, name: str, options: dict) -> dict:
    """{"options": Options(...)} of one plug-in, built from those of `options` that are its own; {} if it has none.

    Raises what the plug-in's `Options` raises for a wrong value.
    """
    known = option_names(kind, name)
    if not known:
        return {}
    return {"options": load(kind, name).Options(**{key: value for key, value in options.items() if key in known})}


def _package(kind: str) -> str:
    return kind if "." in kind or kind == "studies" else f"nnet.{kind}"


def _file(kind: str, name: str) -> Path:
    check(kind, name, f"name among the {kind}:")
    return _files(kind)[name]


@functools.cache
def _files(kind: str) -> dict[str, Path]:
    folder = Path(find_spec(_package(kind)).submodule_search_locations[0])
    plug_ins = [path for path in sorted(folder.glob("*.py")) if path.stem != "base" and path.stem[0] != "_"]
    return {name: path for path in plug_ins for name in _literals(path).get("VARIANTS", [path.stem])}


@functools.cache
def _statements(path: Path) -> list[ast.stmt]:
    return ast.parse(path.read_text(encoding="utf-8")).body


@functools.cache
def _options(path: Path) -> dict[str, object]:
    for node in _statements(path):
        if isinstance(node, ast.ClassDef) and node.name == "Options":
            return {item.target.id: _default(item.value) for item in node.body if isinstance(item, ast.AnnAssign)}
        if isinstance(node, ast.ImportFrom) and "Options" in [alias.name for alias in node.names]:
            return _options(Path(find_spec(node.module).origin))
    return {}


def _default(value: ast.expr | None) -> object:
    """The default in `name: kind = default` or `name: kind = field(default=default)`; None where it is no literal."""
    if isinstance(value, ast.Call):
        value = next((keyword.value for keyword in value.keywords if keyword.arg == "default"), None)
    try:
        return None if value is None else ast.literal_eval(value)
    except ValueError:
        return None


@functools.cache
def _literals(path: Path) -> dict[str, object]:
    found = {}
    for node in _statements(path):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found
