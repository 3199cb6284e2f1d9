"""Campaigns for the tests of faults: launched for real from a copy of the project, disturbed, and compared."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from campaign.analysis import tables
from campaign.store import run_file
from tests.conftest import ROOT, timeless

OVERLAY = ROOT / "tests/faults/overlay"
RUNS = (
    "mlp_small --regimes clean --epochs 12 --max-train-samples 400 --alpha-tests 0 0.5 --noise-samples 1 "
    "--checkpoint-dir none"
)
LONG = RUNS.replace("--epochs 12", "--epochs 60")
KEPT = ("--epoch-checkpoint-s", "0", "--max-workers", "2")


def copy_project(folder: Path) -> Path:
    """The program without its tests, with faults that environment variables switch on."""
    for name in ("nnet", "campaign", "studies"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("nnet_models.py", "run_experiments.py"):
        shutil.copy(ROOT / name, folder)
    shutil.copy(OVERLAY / "clean.py", folder / "nnet/regimes")
    workers = folder / "campaign/engines/workers"
    (workers / "warm.py").rename(workers / "really_warm.py")
    shutil.copy(OVERLAY / "tasks.py", workers)
    shutil.copy(OVERLAY / "warm.py", workers)
    shutil.copy(ROOT / "tests/campaign/stub.py", workers / "made_up.py")
    return folder


@dataclass
class Place:
    """A copy of the project and a folder in which campaigns write."""

    project: Path
    folder: Path

    @property
    def results(self) -> Path:
        return self.folder / "results/digits"

    def command(self, *words: str, seeds: int = 4, base: str = RUNS) -> list[str]:
        seeds_given = ["--seeds", *map(str, range(seeds))]
        return [sys.executable, str(self.project / "run_experiments.py"), *base.split(), *seeds_given, *words]

    def start(self, *words: str, seeds: int = 4, base: str = RUNS, **environment: object) -> subprocess.Popen:
        """Launch a campaign in a session of its own; environment values that are no text are given as JSON."""
        given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in environment.items()}
        return subprocess.Popen(
            self.command(*words, seeds=seeds, base=base), cwd=self.folder, env=os.environ | given,
            text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def launch(self, *words: str, seeds: int = 4, base: str = RUNS, **environment: object) -> tuple[int, str, str]:
        """Run a campaign to its end: exit code, stdout, stderr. No process of it is left."""
        process = self.start(*words, seeds=seeds, base=base, **environment)
        return end(process)

    def fault(self, how: str, seed: int = 1, epoch: int = 6, times: int = 1000) -> dict:
        """The description of a fault for the variable FAULTS, a list of them."""
        return {"how": how, "seed": seed, "epoch": epoch, "times": times, "folder": str(self.folder)}

    def log(self, event: str) -> list[str]:
        """The lines of the campaign's log that tell of one kind of event."""
        path = self.results / "campaign.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if re.match(rf"\S+ \S+ {event} ", line)]

    def finished(self) -> set[str]:
        return {path.stem for path in (self.results / "runs").glob("*.json")}

    def started(self) -> bool:
        """Whether some run is under way."""
        return any((self.results / "claims").glob("*.json"))


def stub(**faults: object) -> dict:
    """The environment of a campaign whose runs are made up, and what happens to them in each stage."""
    return {"STUB": "1", "STUB_FAULTS": faults}


def end(process: subprocess.Popen, timeout_s: float = 100) -> tuple[int, str, str]:
    """Wait for a launcher: exit code, stdout, stderr. No process of its session is left ten seconds later."""
    printed, complaint = process.communicate(timeout=timeout_s)
    wait_for(lambda: not session(process.pid), 10)
    return process.returncode, printed, complaint


def session(leader: int) -> dict[int, int]:
    """The living processes of a session, each with its parent."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent, _, sid = path.read_text().rsplit(")", 1)[1].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(sid) == leader and state not in "ZX":
            found[int(path.parent.name)] = int(parent)
    return found


def fork_server_of(launcher: int) -> int | None:
    """The child of the launcher that has children, or that has imported the warm module."""
    for pid, parent in session(launcher).items():
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == launcher and b"forkserver" in command:
            return pid
    return None


def workers_of(launcher: int) -> list[int]:
    """The worker processes of a launcher, which are the children of its fork server."""
    server = fork_server_of(launcher)
    return sorted(pid for pid, parent in session(launcher).items() if server is not None and parent == server)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    finish = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < finish, "it did not happen in time"
        time.sleep(0.02)


def run_files(results: Path) -> dict[str, dict]:
    """Every run file, which must be sound, without its timings."""
    return {path.stem: timeless(run_file.read(path)) for path in (results / "runs").glob("*.json")}


def csv_files(results: Path) -> dict[str, str]:
    """Every table as text, without its timings."""
    read = {name: pd.read_csv(results / f"{name}.csv", dtype=str) for name in tables.NAMES}
    return {
        name: table.drop(columns=[column for column in table if column.endswith("_seconds")]).to_csv(index=False)
        for name, table in read.items()
    }


def assert_same(results: Path, undisturbed: Path, failed: int = 0) -> None:
    """All runs and tables are those of the undisturbed campaign, bit for bit, and nothing unfinished is left."""
    expected, found = run_files(undisturbed), run_files(results)
    assert len(found) == len(expected) - failed
    assert found == {name: expected[name] for name in found}
    if failed == 0:
        assert csv_files(results) == csv_files(undisturbed)
    leftovers = [path.name for path in results.rglob("*") if path.name.endswith(".tmp")]
    assert leftovers == [] and not list((results / "claims").glob("*.json"))
    assert len(list((results / "failures").glob("*.txt"))) == failed
    if failed == 0:
        assert not list((results / "partial").glob("*")) and not list((results / "deaths").glob("*"))
