"""Which launcher works on a run, so that two campaigns on one folder do not do it twice."""

import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nnet.files import host, outside
from nnet.files.atomic import NO_LINK, create_file, locked, writing

STALE_S = 900.0
"""A claim whose launcher cannot be seen from here is dead if it was not refreshed for this long, or is dated this far
ahead: several times `REFRESH_S`, plus the minute for which a network disk may show an old time."""
REFRESH_S = 60.0
DAMAGED_S = 10.0
"""On a disk without hard links a claim without content is being written, or its launcher died while it wrote."""
MOST_BYTES = 10_000
MISSING = (FileNotFoundError, NotADirectoryError)
LOCK_WAIT_S = 3.0
"""A launcher that keeps the lock for longer does not go on: the others do without it, and `keeps` finds double work."""

CLAIM = {"host": str, "pid": int, "started": (str, type(None))}
"""The shape of a claim; further entries may have any."""


class Claims:
    """The files `<folder>/<run_id>.json` with host, boot id, pid and start of the launcher that works on the run.

    A claim lives as long as its launcher: on this machine, which its boot id tells from others of the same name, its
    process is looked up; where that cannot be seen, the claim's age decides, because launchers renew the time of the
    file. A dead claim is taken over; a launcher that lost its claim while it was stopped leaves the run to the new
    owner. Ages are measured by the clock of the disk, not of this machine.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        pid = os.getpid()
        self.me = {"host": host.HOST, "boot": host.BOOT, "pid": pid, "started": host.start_of(pid)}
        self.me["launch"] = secrets.token_hex(8)  # one process may launch several campaigns
        self.mine: set[str] = set()
        self.refreshed = time.monotonic()
        self.ahead_s: float | None = None

    def take(self, run_id: str) -> bool:
        """Claim a run; False if a living launcher has it. Raises CannotWrite."""
        if run_id in self.mine:
            return True
        path = self._path(run_id)
        with writing(self.folder), self.locked():
            if not self._is_mine(run_id):  # it may be, if it could not be read before
                if self.holder(run_id) is not None:
                    return False
                path.unlink(missing_ok=True)
                claim = self.me | {"since": time.time()}
                if not create_file(path, json.dumps(claim).encode()):  # without a lock another may be faster
                    return False
        self.mine.add(run_id)
        return True

    def keeps(self, run_id: str) -> bool:
        """Whether this launcher still has a run that it took; a claim that nobody has any more is taken again.

        False if another launcher took the run over while this one was stopped. Raises CannotWrite.
        """
        with writing(self.folder):
            if self._is_mine(run_id):
                return True
        self.mine.discard(run_id)
        return self.take(run_id)

    def holder(self, run_id: str) -> str | None:
        """Who works on a run, in words; None if no living launcher does."""
        owner = self.claim(run_id)
        if owner is None:
            return None
        return f"process {owner['pid']} on {owner['host']}" if owner else "a launcher that is starting"

    def claim(self, run_id: str) -> dict | None:
        """What a living launcher has written: host, pid, started, since (Unix time); {} where it cannot be read.

        None if nobody has the run, or what stands there is no claim. Writes nothing. Raises OSError.
        """
        try:
            content, age = self._read(run_id)
        except MISSING:
            return None
        if content is None:
            return {} if abs(age) < STALE_S else None
        try:
            owner = _parsed(content)
        except outside.Unreadable:
            return {} if abs(age) < DAMAGED_S else None
        since = owner.get("since")
        known = isinstance(since, int | float) and 0 <= since <= time.time() + STALE_S
        here = (owner["host"], owner.get("boot")) == (host.HOST, host.BOOT)
        alive = host.runs(owner["pid"], owner["started"]) if here else None
        if alive is None:
            alive = abs(age) < STALE_S
        return owner | {"since": since if known else None} if alive else None

    def _read(self, run_id: str) -> tuple[bytes | None, float]:
        """The content of a claim, None if another user forbids to read it, and its age in seconds. Raises OSError."""
        path = self._path(run_id)
        try:  # on a network disk only an opened file has its true time
            with open(path, "rb", opener=lambda name, flags: os.open(name, flags | NO_LINK)) as file:
                return file.read(MOST_BYTES), self._now() - os.fstat(file.fileno()).st_mtime
        except OSError as error:
            about = path.lstat()
            if not stat.S_ISREG(about.st_mode):  # a link or a folder is nobody's claim
                return b"", float("inf")
            if not isinstance(error, PermissionError):
                raise
            return None, self._now() - about.st_mtime

    def _now(self) -> float:
        """The time by the clock of the disk, as far as it is known."""
        return time.time() + (self.ahead_s or 0.0)

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
                        os.utime(self._path(run_id), follow_symlinks=False)

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    def _is_mine(self, run_id: str) -> bool:
        """Whether a claim is this launcher's. Raises OSError if it is there and cannot be read."""
        with suppress(*MISSING, outside.Unreadable):
            return self.me.items() <= _parsed(self._read(run_id)[0] or b"").items()
        return False

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Within the block no other launcher takes over dead claims or damaged files."""
        with locked(self.folder / ".lock", LOCK_WAIT_S) as descriptor:
            if self.ahead_s is None:
                os.utime(descriptor)
                self.ahead_s = os.fstat(descriptor).st_mtime - time.time()
            yield


def _parsed(content: bytes) -> dict:
    """What a claim says. Raises Unreadable."""
    with outside.parsing("not a claim"):
        owner = outside.parsed_json(content)
        outside.check(owner, CLAIM)
    return owner
