"""The versions of the libraries that compute, found in the text of the plug-ins that a run is made of.

They follow from these files alone, not from what else the process has imported. Importing it does not import torch.
"""

import ast
import functools
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from nnet import registry
from nnet.checks import ConfigError

ALWAYS = ("numba", "scipy")
"""Libraries that any run may compute with, beside those whose versions `provenance.machine` reads from the modules."""
OTHER_NAMES = {"sklearn": "scikit-learn"}
"""Libraries that are installed under another name than they are imported: a search takes half a second."""
IMPORTERS = ("import_module", "wanted")
"""Functions that import the library which their first argument names."""
OWN = ("nnet", "nnet_models", "campaign", "studies", "torch", "torchvision", "numpy", *ALWAYS)


def always() -> dict[str, str]:
    """The versions of `ALWAYS`, by name; without those that are not installed."""
    return {name: found for name in ALWAYS if (found := version_of(name))}


def of(plug_ins: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The versions of the further libraries that these plug-ins import, at their top or inside a function, by name.

    `plug_ins`: kind and name of each. Libraries without a version and those of the standard library are left out.
    """
    names = sorted(set().union(*(_imported(kind, name) for kind, name in plug_ins)))
    return {name: found for name in names if (found := version_of(name))}


@functools.cache
def version_of(module: str) -> str | None:
    """The installed version of the library of a module; None if it is not installed or has no version."""
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(OTHER_NAMES.get(module, module))
    for name in metadata.packages_distributions().get(module, ()):
        return metadata.version(name)
    return None


def is_foreign(root: str) -> bool:
    """Whether a module of this name at the top level is neither of this program nor of the standard library."""
    return root not in ("", *OWN) and root not in sys.stdlib_module_names


def imported_names(source: bytes) -> Iterator[str]:
    """The modules that a file of code imports, at its top or inside a function; also names that may be modules.

    A relative import begins with its dots. A file that is no valid Python gives none.
    """
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                dot = "." if node.module else ""
                yield from (module, *(f"{module}{dot}{alias.name}" for alias in node.names))
            elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in IMPORTERS:
                yield from (str(word.value) for word in node.args[:1] if isinstance(word, ast.Constant))


@functools.cache
def _imported(kind: str, name: str) -> set[str]:
    """The libraries that a plug-in's file imports, and those of the parts of its kind that it uses."""
    try:
        names = set(imported_names(registry.source(kind, name)))
    except (ConfigError, OSError):  # a dataset of the user is no plug-in
        return set()
    for part in [part for part in names if part.startswith(f"nnet.{kind}.parts.")]:
        names |= set(imported_names(_source(part)))
    roots = {name.partition(".")[0] for name in names}
    return {root for root in roots if is_foreign(root)}


def _source(module: str) -> bytes:
    """The text of a module; none if it is no file, because an import may name something within one."""
    with suppress(ImportError):
        spec = find_spec(module)
        if spec is not None and spec.origin is not None:
            return registry.content(Path(spec.origin))
    return b""
