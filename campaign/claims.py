"""Which launcher is at work on a run, so that two campaigns on one folder do not do it twice."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnet.atomic import HOST, writing

STALE_S = 900.0
"""A claim from another machine is dead when it has not been refreshed for so long."""
REFRESH_S = 60.0
UNREADABLE_S = 10.0
"""A claim that says nothing is being written, or was left by a launcher that died while it wrote."""


class Claims:
    """The files `<folder>/<run_id>.json` with host, pid and start time of the launcher that does the run.

    A claim lives as long as its launcher: on this machine its process is looked up, on another one the file's
    time tells, which the launcher renews. A dead claim is taken over.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.me = {"host": HOST, "pid": os.getpid(), "started": _start_of(os.getpid())}
        self.mine: set[str] = set()
        self.refreshed = time.monotonic()

    def take(self, run_id: str) -> bool:
        """Claim a run; False if a living launcher has it. Raises CannotWrite."""
        if run_id in self.mine:
            return True
        path = self._path(run_id)
        with writing(self.folder), self._lock():
            if self.holder(run_id) is not None:
                return False
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            try:
                os.write(descriptor, json.dumps(self.me).encode())
            finally:
                os.close(descriptor)
        self.mine.add(run_id)
        return True

    def holder(self, run_id: str) -> str | None:
        """Who has a run, in words, if that launcher lives."""
        try:
            age = time.time() - self._path(run_id).stat().st_mtime
            owner = json.loads(self._path(run_id).read_text())
            host, pid, started = owner["host"], int(owner["pid"]), owner["started"]
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, KeyError):
            return "a launcher that is just starting" if age < UNREADABLE_S else None
        alive = _start_of(pid) == started if host == HOST else age < STALE_S
        return f"process {pid} on {host}" if alive else None

    def release(self, run_id: str) -> None:
        """Give a run up, finished or not."""
        if run_id in self.mine:
            self.mine.discard(run_id)
            with suppress(OSError):
                self._path(run_id).unlink()

    def release_all(self) -> None:
        """Give up every run that this launcher has."""
        for run_id in list(self.mine):
            self.release(run_id)

    def remove_dead(self) -> None:
        """Delete the claims of launchers that are no more."""
        if self.folder.is_dir():
            with writing(self.folder), self._lock():
                for path in self.folder.glob("*.json"):
                    if self.holder(path.stem) is None:
                        path.unlink(missing_ok=True)

    def refresh(self) -> None:
        """Show other machines that this launcher lives; cheap, to be called often."""
        if time.monotonic() - self.refreshed > REFRESH_S:
            self.refreshed = time.monotonic()
            for run_id in self.mine:
                with suppress(OSError):
                    os.utime(self._path(run_id))

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Between looking at a dead claim and taking it over nobody else may do the same."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".lock", "w") as file:
            with suppress(OSError):  # a network disk may know no locks; then O_EXCL has to do
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _start_of(pid: int) -> str | None:
    """When a process of this machine started, as a text that no other process ever has; None if there is none."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        status = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return _without_proc(pid)
    return None if status[0] in "ZX" else f"{boot}/{status[19]}"


def _without_proc(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except OSError:
        return None
    return "unknown"
