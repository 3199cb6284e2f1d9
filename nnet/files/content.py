"""The identity of a user's file: the SHA-256 of its content."""

import functools
import hashlib
import os
from io import BufferedReader

from nnet.checks import Refused
from nnet.files import outside
from nnet.files.version import is_settled, version_of


def sha256_of_file(path: str) -> str:
    """SHA-256 of a file's content. Raises OSError if it cannot be read, Unreadable if it is a pipe or folder.

    A file whose size, times and inode are as before, and that has not changed for some seconds, is not read again, so
    that a thousand configurations of one file read it once.
    """
    status = os.stat(path)
    version = version_of(status)
    return _read_once(os.path.abspath(path), status.st_dev, *version) if is_settled(version) else _read(path)


def refuse_replaced(path: object, file: BufferedReader, sha256: str | None) -> None:
    """Raise Refused unless an opened file has the content after which its run was named; reads it to its end."""
    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        raise Refused(f"{path} was replaced since this run was named after its content: launch the campaign again")


def _read(path: str) -> str:
    with outside.opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=256)
def _read_once(path: str, *version: int) -> str:
    return _read(path)
