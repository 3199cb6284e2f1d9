"""Files that exist complete or not at all: one policy for every file that this program writes.

What is written is flushed to the disk with its folder and the parents of new folders. What a file system cannot do
(flush a folder, lock a file, link one) is done without and noted in `LACKING`. A link is never followed where a
file should be, nor where a folder should be if it belongs to another user.
"""

import errno
import fcntl
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnet.files.temporary import temporary_name

UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK}
NO_HARD_LINKS = UNSUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}
NO_LINK = os.O_NOFOLLOW | os.O_NONBLOCK  # nor does a pipe block
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_LINK
LOCK_POLL_S = 0.02
LACKING: dict[tuple[str, int], str] = {}
"""What file systems could not do for this process, in sentences, by what and where: once for each disk."""


class CannotWrite(OSError):
    """A folder that cannot be written: its disk is full, read-only, failing or gone. It is not the run's fault."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn any OSError in the `with` block into a CannotWrite that names `folder` and the reason."""
    try:
        yield
    except CannotWrite:
        raise
    except OSError as error:
        reason = f"{error.filename} is a link" if error.errno == errno.ELOOP else error.strerror or error
        raise CannotWrite(f"cannot write in {folder}: {reason}") from error


def write_file(path: Path, content: bytes | memoryview, durable: bool = True) -> None:
    """Write `content` beside `path`, flush it to the disk, and move it into place; creates missing folders.

    A reader sees the old file or the new one, never a part. `durable`: whether the file must survive a power cut; if
    not, nothing is flushed. Raises CannotWrite, as `write_chunks`.
    """
    write_chunks(path, [content], durable)


def write_chunks(path: Path, chunks: Iterable[bytes | memoryview], durable: bool = True) -> None:
    """The same for a content that comes in several parts.

    A reader sees the old file or the new one, never a part. Raises CannotWrite, which leaves the old file unchanged
    unless only the last step, flushing the folder, failed.
    """
    with writing(path.parent), _opened(path.parent) as folder:
        with _beside(folder, path, chunks, durable) as beside:
            os.replace(beside, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        if durable:
            _sync(folder, path.parent)


def create_file(path: Path, content: bytes) -> bool:
    """Write a file that is not there yet, in one step; False if it is there. Raises CannotWrite.

    The file need not survive a power cut.
    """
    with writing(path.parent), _opened(path.parent) as folder:
        with _beside(folder, path, [content], durable=False) as beside:
            try:
                os.link(beside, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileExistsError:  # on a network disk perhaps by a first request whose answer was lost
                return os.stat(beside, dir_fd=folder).st_nlink == 2
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
            else:
                return True
        try:
            _write_new(folder, path, [content], durable=False)
        except FileExistsError:
            return False
    return True


def append(path: Path, content: bytes) -> None:
    """Add `content` to the end of a file, in one write if the disk allows. Raises CannotWrite."""
    with writing(path.parent), _opened(path.parent) as folder:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | NO_LINK
        with _closing(os.open(path.name, flags, 0o666, dir_fd=folder)) as descriptor:
            _write(descriptor, content)


@contextmanager
def locked(path: Path, wait_s: float = float("inf")) -> Iterator[int]:
    """Within the block no other process holds the lock of the file `path`; yields its descriptor.

    Does without a lock where the file system has none, and where another process keeps it longer than `wait_s`. Raises
    OSError if the file cannot be opened.
    """
    with _opened(path.parent) as folder:
        descriptor = os.open(path.name, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666, dir_fd=folder)
    with _closing(descriptor):
        finish = time.monotonic() + wait_s
        while not _is_locked(descriptor, path) and time.monotonic() < finish:
            time.sleep(LOCK_POLL_S)
        yield descriptor


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, each on the disk before what is in it. Raises OSError."""
    if not folder.is_dir():
        if folder.parent != folder:
            make_folder(folder.parent)
        with suppress(FileExistsError):
            os.mkdir(folder)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of files to the disk, so that a file moved into it survives a power cut."""
    with suppress(PermissionError), _closing(os.open(folder, os.O_RDONLY | os.O_DIRECTORY)) as descriptor:
        _sync(descriptor, folder)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder, which is created if it is missing: what is done relative to it never leaves it."""
    make_folder(folder)
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        if not folder.is_symlink():
            raise
        if folder.lstat().st_uid not in (0, os.geteuid()):
            raise CannotWrite(f"cannot write in {folder}: it is a link that belongs to another user") from None
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    with _closing(descriptor):
        yield descriptor


@contextmanager
def _beside(folder: int, path: Path, chunks: Iterable[bytes | memoryview], durable: bool) -> Iterator[str]:
    """The name of a new file with this content in an opened folder; it is deleted after the block."""
    beside = path.with_name(temporary_name(path.name))
    try:
        _write_new(folder, beside, chunks, durable)
        yield beside.name
    finally:
        with suppress(OSError):
            os.unlink(beside.name, dir_fd=folder)


def _write_new(folder: int, path: Path, chunks: Iterable[bytes | memoryview], durable: bool) -> None:
    with _closing(os.open(path.name, NEW, 0o666, dir_fd=folder)) as descriptor:
        try:
            for chunk in chunks:
                _write(descriptor, chunk)
            if durable:
                _sync(descriptor, path.parent)
        except BaseException:
            with suppress(OSError):
                os.unlink(path.name, dir_fd=folder)
            raise


def _write(descriptor: int, content: bytes | memoryview) -> None:
    left = memoryview(content)
    while left:
        written = os.write(descriptor, left)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left = left[written:]


def _sync(descriptor: int, path: Path) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        _do_without("cannot flush it to the disk: a power cut may cost the latest files", descriptor, path, error)


def _is_locked(descriptor: int, path: Path) -> bool:
    """Lock an opened file, unless another process has; True also where the file system has no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        _do_without("has no locks: two campaigns may do a run twice, and keep it once", descriptor, path, error)
    return True


def _do_without(what: str, descriptor: int, path: Path, error: OSError) -> None:
    if error.errno not in UNSUPPORTED:
        raise error
    disk = os.fstat(descriptor).st_dev
    LACKING.setdefault((what, disk), f"{path}: {error.strerror}; its file system {what}")


@contextmanager
def _closing(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)
