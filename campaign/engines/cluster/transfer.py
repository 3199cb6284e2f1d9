"""Runs on machines without the launcher's folders: data are sent once, weights come back with the result."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from campaign.engines import base
from nnet import registry
from nnet.config import TrainConfig
from nnet.files.atomic import HOST, CannotWrite, write_file, writing
from nnet.files.cache import cache_root

WRITTEN = ("checkpoint_dir", "epoch_checkpoint_dir")
"""The folders into which a run writes."""


def absolute(config: TrainConfig) -> TrainConfig:
    """The same run with absolute paths, for a process in another folder."""
    paths = {
        name: os.path.abspath(path) for name in ("data_dir", *WRITTEN) if (path := getattr(config, name)) is not None
    }
    if config.dataset.endswith(".npz"):
        paths["dataset"] = os.path.abspath(config.dataset)
    same = dataclasses.replace(config, **paths)
    assert same.run_id == config.run_id  # and caches it: it cannot be computed on a machine without the data
    return same


def data_files(config: TrainConfig) -> dict[str, int]:
    """The existing data files of a run by path, with their sizes in bytes."""
    if config.dataset.endswith(".npz"):
        paths = [config.dataset]
    else:
        files = registry.constant("datasets", config.dataset, "FILES", ())
        paths = [os.path.join(config.data_dir, file) for file in files]
    return {path: os.path.getsize(path) for path in paths if os.path.exists(path)}


def is_there(path: str, size: int) -> bool:
    """Whether this machine has a file of this path and size, its own or a received one."""
    return any(os.path.exists(place) and os.path.getsize(place) == size for place in (path, _place_of(path)))


def receive(path: str, content: bytes) -> None:
    """Keep a file of the launcher on this machine. Raises CannotWrite."""
    write_file(Path(_place_of(path)), content)


def weights_file(config: TrainConfig) -> Path | None:
    """The file of a run's trained weights, or None."""
    folder = config.checkpoint_dir
    return None if folder is None else Path(folder) / config.dataset_name / f"{config.run_id}.pt"


def attempt(
    work: Callable[[TrainConfig], dict], config: TrainConfig, shares_files: bool
) -> tuple[dict | base.Failure, bytes | None]:
    """The outcome of a run, and its weights if this machine does not share the launcher's folders.

    Its files here are deleted when it ends, and kept if its worker dies, so that a retry on this machine resumes.
    """
    try:
        here = _localised(config, () if shares_files else WRITTEN)
    except ValueError as error:
        Path(_place_of(config.dataset)).unlink(missing_ok=True)  # the next run is sent the launcher's
        return base.Failure.of(error), None
    if shares_files:
        return base.attempt(work, here), None
    outcome, weights = base.attempt(work, here), weights_file(here)
    content = weights.read_bytes() if weights is not None and weights.exists() else None
    for path in (weights, *_unfinished(here)):
        if path is not None:
            path.unlink(missing_ok=True)
    return outcome, content


def kept(config: TrainConfig, outcome: dict | base.Failure, weights: bytes | None) -> dict | base.Failure:
    """The outcome of a run, after its weights were written to the launcher's folder."""
    path = weights_file(config)
    if weights is not None and path is not None:
        try:
            write_file(path, weights)
        except CannotWrite as error:
            return base.Unwritable.of(error)
    return outcome


def token(config: TrainConfig) -> str | None:
    """Create a file that shows a worker whether it shares the folder of unfinished runs; None without a folder."""
    if config.partial_file is None:
        return None
    path = Path(config.partial_file).with_name(f".shared.{HOST}-{os.getpid()}.tmp")
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(path)


def _localised(config: TrainConfig, written: Iterable[str]) -> TrainConfig:
    """The same run with folders of this machine, for what is `written` and for data that were sent.

    Raises ValueError if a file of the same path has another content here.
    """
    places: dict = {name: _place_of(path) for name in written if (path := getattr(config, name)) is not None}
    if config.dataset.endswith(".npz"):
        places["dataset"] = _nearest(config.dataset, [""])
    else:
        files = registry.constant("datasets", config.dataset, "FILES", ())
        places["data_dir"] = _nearest(config.data_dir, files)
    here = dataclasses.replace(config, **places)
    if here.run_id != config.run_id:
        raise ValueError(f"{here.dataset} on {HOST} differs from the launcher's file")
    return here


def _unfinished(here: TrainConfig) -> list[Path]:
    if here.partial_file is None:
        return []
    return [Path(here.partial_file).with_suffix(suffix) for suffix in (".pt", ".epoch")]


def _nearest(path: str, names: Iterable[str]) -> str:
    """The launcher's path if this machine has all `names` in it too, else the place to which they were sent."""
    there = all(os.path.exists(path + os.sep + name if name else path) for name in names)
    return path if there else _place_of(path)


def _place_of(path: str) -> str:
    """Where this machine keeps a file of the launcher, given by its absolute path."""
    return str(cache_root() / "away" / path.lstrip(os.sep))
