"""The folder for temporary files of a launcher and its workers, gone with the launcher or at the next launch."""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from multiprocessing import process, util
from pathlib import Path

PREFIX = "nnet-"
LONGEST = 60
"""The longest path of a folder for sockets: the system accepts socket paths of 107 bytes."""
NEW_S = 2.0
"""A folder that is younger may not be locked yet."""


def folder() -> Path:
    """This launcher's folder, made and locked at the first call, which also removes those of killed launchers.

    `multiprocessing` keeps its socket there too.
    """
    config = process.current_process()._config  # type: ignore[attr-defined]  # not available publicly
    made = config.get("tempdir")
    if made is None or not Path(made).is_dir():
        parent = tempfile.gettempdir() if len(tempfile.gettempdir()) <= LONGEST else "/tmp"
        for path in Path(parent).glob(f"{PREFIX}*"):
            _remove_if_abandoned(path)
        made = config["tempdir"] = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        with suppress(OSError):  # without locks it is removed at the end of this process only
            _lock(made)
        util.Finalize(None, shutil.rmtree, (made, True), exitpriority=-100)
    return Path(made)


def _remove_if_abandoned(path: Path) -> None:
    """Remove the folder of a launcher of this user that has ended, which is why its lock is free."""
    with suppress(OSError):
        status = path.lstat()
        if status.st_uid == os.getuid() and time.time() - status.st_mtime > NEW_S:
            os.close(_lock(path))
            shutil.rmtree(path, ignore_errors=True)


def _lock(path: str | Path) -> int:
    """Lock a folder until the descriptor is closed, at the latest when this process ends. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
