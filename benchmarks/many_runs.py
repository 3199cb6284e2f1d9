"""What a folder with many finished runs costs: start, --status, --plan, tables, Ctrl-C.

    python -m benchmarks.many_runs [--runs 20000] [--json results/benchmarks.json]

Writes run files of made-up values and asks for the same runs again: once when nothing is remembered of them, and once
when nothing has changed. All figures are CPU seconds (user and system) of whole processes. `empty` is what the same
command takes for four runs, with the time to list all of them in an empty folder, which no memory can save.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import write_section
from campaign.grid.lists import product
from campaign.store import run_file
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.files import atomic
from nnet.record.provenance import ROOT
from nnet_models import train_and_evaluate
from tests.campaign.stub import run_of

ALPHAS = (0.05, 0.1, 0.15, 0.2)
COMMANDS = {"status": ["--status"], "plan": ["--plan"], "launch": []}
ROUNDS = 3
"""Each command is measured this often, and the least is taken, because other processes disturb."""


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="a multiple of four, default 20000")
    parser.add_argument("--json", type=Path, help="file whose section `many_runs` is replaced")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NNET_CACHE_DIR"] = f"{folder}/cache"
        many, few, none = (Path(folder) / name for name in ("many", "few", "none"))
        make(many, arguments.runs)
        make(few, len(ALPHAS))
        listing = least(none, arguments.runs, "--status") - least(none, len(ALPHAS), "--status")
        figures: dict[str, object] = {"runs": arguments.runs, "listing_s": listing}
        for name, flags in COMMANDS.items():
            forget(folder)
            first, _ = cpu(many, arguments.runs, *flags)
            cpu(many, arguments.runs, *flags)
            again, memory_mb = min(cpu(many, arguments.runs, *flags) for _ in range(ROUNDS))
            empty = least(few, len(ALPHAS), *flags) + listing
            figures[name] = {"first_s": first, "again_s": again, "empty_s": empty, "memory_mb": memory_mb}
            print(f"{name}: {first:.1f} s, then {again:.2f} s; empty {empty:.2f} s: {again - empty:+.2f} s", flush=True)
        figures["interrupted_s"] = {"in work": interrupted(many, arguments.runs, more=len(ALPHAS))}
        forget(folder)
        figures["interrupted_s"] |= {"in tables": interrupted(many, arguments.runs)}  # type: ignore[operator]
        print(f"seconds until Ctrl-C has ended a launch: {figures['interrupted_s']}")
    if arguments.json is not None:
        write_section(arguments.json, "many_runs", figures)


def make(folder: Path, count: int) -> None:
    """Write `count` run files: values drawn at random, everything else as in a real run."""
    of_data = train_and_evaluate(TrainConfig(epochs=1, alpha_tests=(0,)))["sha256"]  # further runs have the same data
    configs = product(TrainConfig(), arch="mlp_small", regime="noisy", alpha_train=[*ALPHAS], seed=seeds(count))
    draws = random.Random(0)
    (folder / "digits/runs").mkdir(parents=True)
    atomic_sync, atomic.os.fsync = atomic.os.fsync, lambda descriptor: None  # a disk would need minutes
    try:
        for config in configs:
            run = points.stored(run_of(config) | {"noise_model": config.noise_model, "sha256": of_data})
            run["history"] = [{"epoch": epoch + 1, "train_loss": draws.random()} for epoch in range(config.epochs)]
            for point in run["measurements"][0]["points"]:
                point |= {"acc": draws.random(), "loss": draws.random()}
            run_file.write(folder / f"digits/runs/{config.run_id}.json", run)
    finally:
        atomic.os.fsync = atomic_sync
    time.sleep(3)  # until the files have settled


def seeds(count: int) -> list[int]:
    """The seeds of `count` runs."""
    return list(range(count // len(ALPHAS)))


def started(folder: Path, count: int, *flags: str) -> subprocess.Popen:
    """A launch of `count` runs, in a session of its own."""
    words = f"mlp_small --regime noisy --checkpoint-dir none --output-dir {folder}".split()
    lists = ["--alpha-train", *map(str, ALPHAS), "--seed", *map(str, seeds(count))]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_experiments.py"), *words, *lists, *flags],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def cpu(folder: Path, count: int, *flags: str) -> tuple[float, float]:
    """CPU seconds and largest memory (MB) of a command that ends well."""
    process = started(folder, count, *flags)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (flags, process.returncode)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def least(folder: Path, count: int, *flags: str) -> float:
    """The least CPU seconds of some rounds."""
    return min(cpu(folder, count, *flags)[0] for _ in range(ROUNDS))


def forget(folder: str) -> None:
    """Forget what is remembered of run files and tables."""
    for name in ("index", "tables"):
        for path in Path(folder, "cache", name).glob("*.json"):
            path.unlink()


def interrupted(folder: Path, count: int, more: int = 0) -> float:
    """Seconds from Ctrl-C to the end of a launch: while `more` runs are under way, or while tables are written."""
    claims, campaign = folder / "digits/claims", folder / "digits/campaign.json"
    before = campaign.stat().st_mtime_ns
    process = started(folder, count + more, "--epochs", "10")
    while not (any(claims.glob("*.json")) if more else campaign.stat().st_mtime_ns != before):
        assert process.poll() is None, "it has ended by itself"
        time.sleep(0.05)
    time.sleep(1)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    code = process.wait()
    assert code == 130, code
    return time.monotonic() - began


if __name__ == "__main__":
    main()
