"""The user's own code that plug-ins are made of: files below `NNET_PLUGINS`, and modules of the user that they import.

It is no part of a run's identity. It is recorded, so that the program can report a change. Nothing here imports these
files, and importing this module does not import torch.
"""

import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.record import libraries

PlugIns = tuple[tuple[str, str], ...]
"""Kind and name of each."""
Hashes = dict[str, dict[str, str]]
"""SHA-256 of files, by folder and by path below it: a folder where Python looks for modules, or the user's plug-ins."""
INSTALLED = {"site-packages", "dist-packages"}


def of_network(cfg: TrainConfig) -> PlugIns:
    """The plug-ins that a run's trained network is made of."""
    return ("datasets", cfg.dataset), ("architectures", cfg.arch)


def of_training(cfg: TrainConfig) -> PlugIns:
    """The plug-ins that train a run's network."""
    return *of_network(cfg), ("regimes", cfg.regime)


def of(plug_ins: Iterable[tuple[str, str]]) -> Hashes:
    """The user's files that these plug-ins are made of, as they were when this process asked first.

    A run asks as soon as it has imported its plug-ins: Python does not import a file again when it is edited.
    """
    return _joined(_first_seen(*plug_in) for plug_in in plug_ins)


def now(plug_ins: Iterable[tuple[str, str]]) -> Hashes:
    """The same files as they are now."""
    return _joined(_hashes(*plug_in) for plug_in in plug_ins)


def names(own_code: Mapping) -> Iterator[tuple[str, str]]:
    """The name of each file, which does not depend on where its folder lies, and its SHA-256."""
    for files in own_code.values():
        yield from files.items()


def unlike(recorded: Mapping, here: Mapping) -> list[str]:
    """The files here whose content is none of those recorded; none if nothing is recorded."""
    known = {sha256 for _, sha256 in names(recorded)}
    return [name for name, sha256 in names(here) if known and sha256 not in known]


def changed(recorded: Mapping, here: Mapping) -> list[str]:
    """The same, also for files that only a process that imports the plug-ins finds: where they were then.

    `here`: the result of `now`.
    """
    found = {name for name, _ in names(here)}
    elsewhere = [
        name
        for folder, files in recorded.items()
        for name, sha256 in files.items()
        if name not in found and os.path.isfile(path := Path(folder, name)) and _sha256(path) != sha256
    ]
    return [*unlike(recorded, here), *elsewhere]


@functools.cache
def _first_seen(kind: str, name: str) -> Hashes:
    return _hashes(kind, name)


def _hashes(kind: str, name: str) -> Hashes:
    try:
        file, users = registry.path_of(kind, name), registry.users_folder()
    except ConfigError:  # a dataset of the user is no plug-in
        return {}
    waiting = [(file, users if users is not None and file.is_relative_to(users) else None)]
    found: dict[Path, Path | None] = {}
    while waiting:
        path, folder = waiting.pop()
        if path not in found:
            found[path] = folder
            for module in libraries.imported_names(registry.content(path)):
                waiting += _files(module, path, folder, users)
    return _joined(
        {str(folder): {str(path.relative_to(folder)): _sha256(path)}}
        for path, folder in sorted(found.items())
        if folder is not None
    )


def _files(module: str, importer: Path, folder: Path | None, users: Path | None) -> Iterator[tuple[Path, Path]]:
    """The user's files that Python reads when a file imports a module, each with the folder of its name.

    `folder`: that of the importer; None for a file of this program. `users`: that of the user's plug-ins.
    """
    name = module.lstrip(".")
    parts = name.split(".") if name else []
    start: Path | None
    if name != module:
        start = importer.parents[min(len(module) - len(name), len(importer.parents)) - 1]
    elif users is not None and len(parts) > 2 and parts[0] == "nnet" and parts[1] in registry.KINDS:
        folder, start, parts = users, users / parts[1], parts[2:]
    else:
        folder = start = _folder_of(parts[0]) if libraries.is_foreign(parts[0]) else None
    if folder is None or start is None:
        return
    for part in parts:
        if not part.isidentifier():
            return
        start = start / part
        for path in (start / "__init__.py", start.with_suffix(".py")):
            if os.path.isfile(path) and path.is_relative_to(folder):
                yield path, folder


def _folder_of(module: str) -> Path | None:
    """The folder where Python finds a module of the user, in what is imported already or on the search path."""
    with suppress(ImportError, ValueError):
        spec = find_spec(module)
        place = None if spec is None else next(iter(spec.submodule_search_locations or ()), spec.origin)
        if place is not None and not INSTALLED & {*Path(place).parts}:
            return Path(place).parent.resolve()
    return None


def _sha256(path: Path) -> str:
    return hashlib.sha256(registry.content(path)).hexdigest()


def _joined(hashes: Iterable[Hashes]) -> Hashes:
    both: Hashes = {}
    for item in hashes:
        for folder, files in item.items():
            both.setdefault(folder, {}).update(files)
    return both
