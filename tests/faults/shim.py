"""A shim between this process and its disk: the k-th file operation below a folder fails, is shortened, or kills."""

import builtins
import fcntl
import io
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CALLS = (
    "open", "write", "read", "fsync", "replace", "rename", "link", "unlink", "mkdir", "rmdir", "stat", "lstat",
    "scandir", "listdir", "utime", "fstat",
)  # fmt: skip
REAL = {name: getattr(os, name) for name in CALLS} | {"flock": fcntl.flock, "io": io.open}


@dataclass
class Shim:
    """Counts the operations on what lies in `folder`; the `at`-th, and all after it if it is `sticky`, goes wrong."""

    folder: Path
    at: int = 0
    how: str = ""
    """"fail", "shorten" or "kill"."""
    number: int = 0
    """The errno of a failure."""
    sticky: bool = False
    done: list[str] = field(default_factory=list)
    """The kinds of the operations so far."""

    def install(self) -> None:
        """From now on every operation of this process is counted."""
        for name in CALLS:
            setattr(os, name, self._counted(name))
        fcntl.flock = self._counted("flock")
        builtins.open = io.open = self._open

    def goes_wrong(self, kind: str) -> bool:
        """Count an operation; raises OSError if it is to fail, and True if it is to be shortened."""
        self.done.append(kind)
        place = len(self.done)
        if self.at == 0 or place < self.at or (place > self.at and not self.sticky):
            return False
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "fail":
            raise OSError(self.number, os.strerror(self.number))
        return True

    def _is_inside(self, what: object, base: int | None = None) -> bool:
        try:
            if isinstance(what, int):
                return self._is_inside(os.readlink(f"/proc/self/fd/{what}"))
            path = os.fspath(what)  # type: ignore[call-overload]
            if base is not None:
                path = os.path.join(os.readlink(f"/proc/self/fd/{base}"), path)
        except (TypeError, OSError):
            return False
        return os.path.abspath(path).startswith(f"{self.folder}/")

    def _counted(self, name: str) -> Callable:
        real = REAL[name]

        def call(*arguments, **keywords):
            base = keywords.get("dir_fd", keywords.get("src_dir_fd"))
            if arguments and self._is_inside(arguments[0], base) and self.goes_wrong(name):
                if name == "write":
                    arguments = (arguments[0], memoryview(arguments[1])[: max(1, len(arguments[1]) // 2)])
                if name == "read":
                    arguments = (arguments[0], max(1, arguments[1] // 2))
            return real(*arguments, **keywords)

        return call

    def _open(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
        if not self._is_inside(file):
            return REAL["io"](file, mode, buffering, encoding, errors, newline, closefd, opener)
        if opener is None:
            self.goes_wrong("open")
        raw = _File(file, "".join(set(mode) - {"b", "t"}), closefd, opener)
        raw.shim = self
        if buffering == 0:
            return raw
        buffered = io.BufferedReader(raw) if mode[0] == "r" else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)


class _File(io.FileIO):
    shim: Shim

    def readinto(self, buffer):
        if self.shim.goes_wrong("read"):
            buffer = memoryview(buffer)[: max(1, len(buffer) // 2)]
        return super().readinto(buffer)

    def readall(self):
        parts = []
        while part := self.read(1 << 16):
            parts.append(part)
        return b"".join(parts)

    def read(self, size=-1):
        if size < 0:
            return self.readall()
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def write(self, content):
        if self.shim.goes_wrong("write"):
            content = memoryview(content)[: max(1, len(content) // 2)]
        return super().write(content)
