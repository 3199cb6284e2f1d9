"""Which launcher works on a run, so that two campaigns on one folder do not do it twice."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnet.files.atomic import HOST, writing

STALE_S = 900.0
"""A claim from another machine is dead if it was not refreshed for this long: several times `REFRESH_S`, plus the
minute for which a network disk may show an old time."""
REFRESH_S = 60.0
LAST_TIME = 2.0**33
"""An upper bound of Unix times, in the year 2242."""
UNREADABLE_S = 10.0
"""A claim without content is being written, or was left by a launcher that died while it wrote."""


class Claims:
    """The files `<folder>/<run_id>.json` with host, pid and start time of the launcher that works on the run.

    A claim lives as long as its launcher: on this machine its process is looked up, on another one the launcher renews
    the time of the file. A dead claim is taken over; a launcher that was stopped so long that it lost its claim leaves
    the file to the new owner. Ages are measured by the clock of the disk, not of this machine.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.me = {"host": HOST, "pid": os.getpid(), "started": _start_of(os.getpid())}
        self.mine: set[str] = set()
        self.refreshed = time.monotonic()
        self.ahead_s: float | None = None

    def take(self, run_id: str) -> bool:
        """Claim a run; False if a living launcher has it. Raises CannotWrite."""
        if run_id in self.mine:
            return True
        path = self._path(run_id)
        with writing(self.folder), self.locked():
            if self.holder(run_id) is not None:
                return False
            path.unlink(missing_ok=True)
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:  # on a disk without locks another launcher may have been faster
                return False
            try:
                os.write(descriptor, json.dumps(self.me | {"since": time.time()}).encode())
            finally:
                os.close(descriptor)
        self.mine.add(run_id)
        return True

    def holder(self, run_id: str) -> str | None:
        """Who works on a run, in words; None if no living launcher does."""
        owner = self.claim(run_id)
        if owner is None:
            return None
        return f"process {owner['pid']} on {owner['host']}" if owner else "a launcher that is starting"

    def claim(self, run_id: str) -> dict | None:
        """What a living launcher has written: host, pid, started, since (Unix time); {} while it is writing it.

        None if nobody has the run or the claim cannot be read. Writes nothing.
        """
        try:
            with open(self._path(run_id)) as file:  # on a network disk only an opened file has its true time
                age = time.time() + (self.ahead_s or 0.0) - os.fstat(file.fileno()).st_mtime
                owner = json.loads(file.read())
            host, pid, started = owner["host"], int(owner["pid"]), owner["started"]
        except OSError:
            return None
        except (ValueError, TypeError, KeyError):
            return {} if age < UNREADABLE_S else None
        since = owner.get("since")
        known = type(since) in (int, float) and 0 <= since <= LAST_TIME
        alive = _start_of(pid) == started if host == HOST else age < STALE_S
        return owner | {"since": since if known else None} if alive else None

    def living(self) -> dict[str, dict]:
        """The claims of living launchers by run_id; see `claim`."""
        claims = {path.stem: self.claim(path.stem) for path in self.folder.glob("*.json")}
        return {run_id: owner for run_id, owner in claims.items() if owner is not None}

    def release(self, run_id: str) -> None:
        """Give a run up, finished or not."""
        if run_id in self.mine:
            self.mine.discard(run_id)
            with suppress(OSError):
                if self._is_mine(run_id):
                    self._path(run_id).unlink()

    def release_all(self) -> None:
        """Give up every run of this launcher."""
        for run_id in list(self.mine):
            self.release(run_id)

    def remove_dead(self) -> None:
        """Delete the claims of dead launchers."""
        if self.folder.is_dir():
            with writing(self.folder), self.locked():
                for path in self.folder.glob("*.json"):
                    if self.holder(path.stem) is None:
                        path.unlink(missing_ok=True)

    def refresh(self) -> None:
        """Show other machines that this launcher lives; cheap, call it often."""
        if time.monotonic() - self.refreshed > REFRESH_S:
            self.refreshed, self.ahead_s = time.monotonic(), None
            for run_id in self.mine:
                with suppress(OSError):
                    if self._is_mine(run_id):
                        os.utime(self._path(run_id))

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    def _is_mine(self, run_id: str) -> bool:
        with suppress(ValueError):
            return self.me.items() <= json.loads(self._path(run_id).read_text()).items()
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block no other launcher takes over dead claims or damaged files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / ".lock", "w") as file:
            with suppress(OSError):  # some network disks have no locks; there O_EXCL must suffice
                fcntl.flock(file, fcntl.LOCK_EX)
            if self.ahead_s is None:
                os.utime(file.fileno())
                self.ahead_s = os.fstat(file.fileno()).st_mtime - time.time()
            yield


def _start_of(pid: int) -> str | None:
    """Start of a process of this machine, as a text that is unique to it; None if there is no such process."""
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
