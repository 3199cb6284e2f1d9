"""The identity of a user's file: the SHA-256 of its content."""

import functools
import hashlib
import os
import time

from nnet.files import outside

SETTLED_S = 2.0
"""A file that changed within this time may change again without a new time stamp: its hash is not remembered."""


def sha256_of_file(path: str) -> str:
    """SHA-256 of a file's content. Raises OSError if it cannot be read, Unreadable if it is a pipe or folder.

    A file whose size, times and inode are as before, and that has not changed for some seconds, is not read again, so
    that a thousand configurations of one file read it once.
    """
    status = os.stat(path)
    if abs(time.time() - status.st_ctime) < SETTLED_S:
        return _read(path)
    version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return _read_once(os.path.abspath(path), version)


def _read(path: str) -> str:
    with outside.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=256)
def _read_once(path: str, version: tuple) -> str:
    return _read(path)
