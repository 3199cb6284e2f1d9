"""Runs on machines without the launcher's folders.

Data are sent once. Trained weights are sent with a run that has some, and come back with the result of a training.
"""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from campaign.engines import base
from nnet.config import TrainConfig
from nnet.datasets.base import files_of
from nnet.files.atomic import CannotWrite, create_file, write_file
from nnet.files.cache import cache_root
from nnet.files.host import HOST
from nnet.files.temporary import temporary_name

WRITTEN = ("checkpoint_dir", "epoch_checkpoint_dir")
"""The folders into which a run writes."""
UNFINISHED = (".pt", ".epoch", ".points", ".beat")
"""The suffixes of its files in the folder of unfinished runs."""


def absolute(config: TrainConfig) -> TrainConfig:
    """The same run with absolute paths, for a process in another folder."""
    paths = {
        name: os.path.abspath(path) for name in ("data_dir", *WRITTEN) if (path := getattr(config, name)) is not None
    }
    paths |= {name: os.path.abspath(path) for name, path in _given_files(config).items()}
    same = dataclasses.replace(config, **paths)
    assert same.run_id == config.run_id  # and caches it: it cannot be computed on a machine without the data
    return same


def data_files(config: TrainConfig) -> dict[str, int]:
    """The existing data files of a run by path, with their sizes in bytes."""
    paths = list(_given_files(config).values())
    paths += [str(path) for files in files_of(config.dataset, config.data_dir).values() for path in files]
    return {path: os.path.getsize(path) for path in paths if os.path.exists(path)}


def is_there(path: str, size: int) -> bool:
    """Whether this machine has a file of this path and size, its own or a received one."""
    return any(os.path.exists(place) and os.path.getsize(place) == size for place in (path, _place_of(path)))


def receive(path: str, content: bytes) -> None:
    """Keep a file of the launcher on this machine. Raises CannotWrite."""
    write_file(Path(_place_of(path)), content)


def weights(config: TrainConfig) -> bytes | None:
    """The content of the file of a run's trained weights, or None if there is none."""
    path = config.weights_file
    return path.read_bytes() if path is not None and path.exists() else None


def attempt(
    work: base.Work, config: TrainConfig, known: dict | None, sent: bytes | None, shares_files: bool
) -> tuple[dict | base.Failure, bytes | None]:
    """The outcome of a run, and its weights if this machine does not share the launcher's folders.

    `sent`: the launcher's file of its trained weights; weights that are still the same are not sent back. The run's
    files here are deleted when it ends, and kept if its worker dies, so that a retry on this machine resumes.
    """
    try:
        here = _localised(config, () if shares_files else WRITTEN)
    except ValueError as error:
        for path in _given_files(config).values():
            Path(_place_of(path)).unlink(missing_ok=True)  # the next run is sent the launcher's
        return base.Failure.of(error), None
    if shares_files:
        return base.attempt(work, here, known), None
    place = here.weights_file
    try:
        if sent is not None and place is not None:
            write_file(place, sent)
    except CannotWrite as error:
        return base.Unwritable.of(error), None
    outcome, content = base.attempt(work, here, known), weights(here)
    for path in (place, *_unfinished(here)):
        if path is not None:
            path.unlink(missing_ok=True)
    return outcome, None if content == sent else content


def kept(config: TrainConfig, outcome: dict | base.Failure, content: bytes | None) -> dict | base.Failure:
    """The outcome of a run, after its weights were written to the launcher's folder."""
    path = config.weights_file
    if content is not None and path is not None:
        try:
            write_file(path, content)
        except CannotWrite as error:
            return base.Unwritable.of(error)
    return outcome


def token(config: TrainConfig) -> str | None:
    """Create a file that shows a worker whether it shares the folder of unfinished runs; None without a folder."""
    if config.partial_file is None:
        return None
    path = Path(config.partial_file).with_name(temporary_name("shared"))
    create_file(path, b"")
    return str(path)


def _localised(config: TrainConfig, written: Iterable[str]) -> TrainConfig:
    """The same run with folders of this machine, for what is `written` and for data that were sent.

    Raises ValueError if a file of the same path has another content here.
    """
    places: dict = {name: _place_of(path) for name in written if (path := getattr(config, name)) is not None}
    places |= {name: _nearest(path) for name, path in _given_files(config).items()}
    if not config.dataset.endswith(".npz"):
        there = all(files_of(config.dataset, config.data_dir).values())
        places["data_dir"] = config.data_dir if there else _place_of(config.data_dir)
    here = dataclasses.replace(config, **places)
    if here.run_id != config.run_id:
        files = " or ".join(_given_files(here).values())
        raise ValueError(f"{files} on {HOST} differs from the launcher's file")
    return here


def _unfinished(here: TrainConfig) -> list[Path]:
    if here.partial_file is None:
        return []
    return [Path(here.partial_file).with_suffix(suffix) for suffix in UNFINISHED]


def _given_files(config: TrainConfig) -> dict[str, str]:
    """The fields of a run that name a file of the user, with its path."""
    dataset = {"dataset": config.dataset} if config.dataset.endswith(".npz") else {}
    return dataset | ({} if config.initial_weights is None else {"initial_weights": config.initial_weights})


def _nearest(path: str) -> str:
    """The launcher's path if this machine has it too, else the place to which it was sent."""
    return path if os.path.exists(path) else _place_of(path)


def _place_of(path: str) -> str:
    """Where this machine keeps a file of the launcher, given by its absolute path."""
    return str(cache_root() / "away" / path.lstrip(os.sep))
