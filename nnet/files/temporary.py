"""Temporary files and folders, deleted with the process that made them, under names that nobody can foresee."""

import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnet.files.host import BOOT, HOST, runs

MACHINE = hashlib.sha256(f"{HOST} {BOOT}".encode()).hexdigest()[:8]
LEFTOVER = re.compile(r"\..+\.(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.tmp")
OTHERS_S = 3600.0
"""Seconds without a write after which a temporary file of another machine, or from before a restart, is deleted."""


def temporary_name(name: str) -> str:
    """A name beside `name` that says which process made it, for `remove_leftovers`."""
    return f".{name[:80]}.{MACHINE}-{os.getpid()}-{secrets.token_hex(4)}.tmp"


@contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """A folder in `parent` (default: the system's temporary folder) for this user alone, deleted after the block.

    What killed processes left of such folders in `parent` is deleted first. Raises OSError.
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    remove_leftovers(parent)
    folder = parent / temporary_name("nnet")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files and folders in `folder` whose processes ended; those of others stay for an hour.

    What may not be deleted stays. Raises OSError if the folder is there and cannot be read.
    """
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            name = LEFTOVER.fullmatch(entry.name)
            if name is not None:
                with suppress(OSError):
                    _remove_if_left(entry, name["machine"], int(name["pid"]))


def _remove_if_left(entry: os.DirEntry, machine: str, pid: int) -> None:
    running = runs(pid) if machine == MACHINE else None
    if running is None:  # it cannot be seen from here
        running = time.time() - entry.stat(follow_symlinks=False).st_mtime < OTHERS_S
    if not running:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
