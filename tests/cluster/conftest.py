"""Real schedulers and workers of Dask on loopback; everything here is skipped where Dask is not installed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from campaign.engines.base import missing_for
from tests.conftest import ROOT
from tests.faults.conftest import place, project, undisturbed
from tests.faults.launching import Place, end, kill, session, wait_for

__all__ = ["place", "project", "undisturbed"]

PYTHON = (sys.executable, "-W", "ignore", "-m")


def pytest_collection_modifyitems(items):
    """Skip with a reason what cannot be run here."""
    reason = missing_for("dask")
    for item in items:
        if reason is not None and "tests/cluster" in str(item.fspath):
            item.add_marker(pytest.mark.skip(reason=reason))


@dataclass
class Dask:
    """A scheduler and its workers, as a person starts them in a shell."""

    place: Place
    processes: list[subprocess.Popen] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.place.folder / "scheduler.json"

    @property
    def warning(self) -> str:
        """What a launch says of it, whose address begins with tcp://."""
        address = json.loads(self.file.read_text())["address"]
        return (
            f"warning: the scheduler at {address} has no TLS: anyone who can connect to it, like every user of its "
            'machine, can run programs as you; see "Security" in docs/cluster.md\n'
        )

    def scheduler(self, *words: str) -> subprocess.Popen:
        self.file.unlink(missing_ok=True)
        command = [*PYTHON, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        process = self._start([*command, "--scheduler-file", str(self.file), *words])
        wait_for(self.file.exists)
        return process

    def workers(self, number: int = 2, *words: str, before: tuple[str, ...] = (), **environment: str):
        command = [*before, *PYTHON, "distributed.cli.dask_worker", "--scheduler-file", str(self.file), "--nworkers"]
        return self._start([*command, str(number), "--nthreads", "1", "--no-dashboard", *words], **environment)

    def _start(self, command: list[str], **environment: str) -> subprocess.Popen:
        with open(self.place.folder / "dask.log", "ab") as log:
            process = subprocess.Popen(
                command, cwd=self.place.project, env=os.environ | environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def close(self) -> None:
        for process in self.processes:
            for pid in session(process.pid) or [process.pid]:
                kill(pid)
            process.wait()


@pytest.fixture
def dask(place):
    """A scheduler, its file, and no worker yet."""
    started = Dask(place)
    started.scheduler()
    yield started
    started.close()


def stand_in(folder: Path) -> dict[str, str]:
    """The environment in which bsub and bkill are the stand-ins, which keep their scripts in the folder `lsf`."""
    (folder / "lsf").mkdir()
    path = f"{ROOT / 'tests/cluster'}:{os.environ['PATH']}"
    return {"PATH": path, "LSF_STAND_IN": str(folder / "lsf")}


def busy_workers(nannies: subprocess.Popen) -> list[int]:
    """The worker processes of a command `dask worker` that have used the most processor time, most first."""
    found = {}
    for pid, parent in session(nannies.pid).items():
        if parent == nannies.pid and b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
            found[pid] = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))
    return sorted(found, key=found.get, reverse=True)


def ended(process: subprocess.Popen, timeout_s: float = 100) -> tuple[int, str, str]:
    """As `launching.end`."""
    return end(process, timeout_s)
