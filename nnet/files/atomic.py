"""Files that exist complete or not at all."""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FIRST_NAMESPACE = "pid:[4026531836]"


def _host() -> str:
    """The name of this machine; in a container also its pid namespace, because pids are unique only within it."""
    name = socket.gethostname().split(".")[0]
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        return name
    return name if namespace == FIRST_NAMESPACE else f"{name}:{namespace[5:-1]}"


HOST = _host()
LEFTOVER = re.compile(r"\..*\.(?P<host>[^.]*)-(?P<pid>\d+)\.tmp")


class CannotWrite(OSError):
    """A folder that cannot be written: its disk is full, read-only, failing or gone. It is not the run's fault."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn any OSError in the `with` block into a CannotWrite that names `folder` and the reason."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(f"cannot write in {folder}: {error.strerror or error}") from error


def write_file(path: Path, content: bytes | memoryview) -> None:
    """Write `content` beside `path`, flush it to the disk, and move it into place; creates missing folders.

    A reader sees the old file or the new one, never a part. Raises CannotWrite, which leaves the old file unchanged.
    """
    beside = path.with_name(f".{path.name}.{HOST}-{os.getpid()}.tmp")
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(beside, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of files to the disk, so that a file moved into it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Delete the half-written files in `folder` whose processes, on this machine, no longer exist."""
    for path in folder.glob(".*.tmp"):
        name = LEFTOVER.fullmatch(path.name)
        if name and name["host"] == HOST and not _exists(int(name["pid"])):
            path.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
