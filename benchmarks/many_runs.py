"""What a folder with many finished runs costs: start, --status, --plan, tables, one new run, Ctrl-C, memory.

    python -m benchmarks.many_runs [--runs 20000] [--planned 100000] [--json results/benchmarks.json]

Writes run files of made-up values and asks for the same runs again: once when nothing is remembered of them, and once
when nothing has changed. All figures are CPU seconds (user and system) of whole processes. `empty` is what the same
command takes for four runs, with the time to list all of them in an empty folder, which no memory can save. `new` is
what the tables take after a run was added, in a launcher that made them before. `planned` is the memory of a launcher
with that many runs to do. Takes some minutes.
"""

import argparse
import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from campaign.analysis import current
from campaign.grid.lists import product
from campaign.grid.settings import Launch
from campaign.machine import signals
from campaign.machine.memory import own_peak_mb
from campaign.planning import survey
from campaign.planning.campaign import Campaign
from campaign.running import runner
from campaign.store import run_file
from campaign.store.folder import Store
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.files import atomic
from nnet.files.temporary import temporary_folder
from nnet.record.provenance import ROOT
from tests.campaign.stub import run_of

ALPHAS = (0.05, 0.1, 0.15, 0.2)
COMMANDS = {"status": ["--status"], "plan": ["--plan"], "launch": []}
ROUNDS = 3
"""Each command is measured this often, and the least is taken, because other processes disturb."""


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000, help="a multiple of four, default 20000")
    parser.add_argument("--planned", type=int, default=100_000, help="a multiple of four, default 100000")
    parser.add_argument("--one", choices=["new", "planned"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="file whose section `many_runs` is replaced")
    arguments = parser.parse_args()
    if arguments.one is not None:
        work = {"new": new, "planned": planned}[arguments.one]
        print(json.dumps(work(arguments.folder, arguments.planned)))
        return
    with temporary_folder() as folder:  # an interrupted launch leaves a process that writes there for some seconds
        os.environ["NNET_CACHE_DIR"] = f"{folder}/cache"
        many, few, none = (folder / name for name in ("many", "few", "none"))
        make(many, arguments.runs)
        make(few, len(ALPHAS))
        listing = least(none, arguments.runs, "--status") - least(none, len(ALPHAS), "--status")
        figures: dict[str, Any] = {"runs": arguments.runs, "listing_s": listing}
        for name, flags in COMMANDS.items():
            forget(folder)
            first = cpu(many, arguments.runs, *flags)
            cpu(many, arguments.runs, *flags)
            again = min(cpu(many, arguments.runs, *flags) for _ in range(ROUNDS))
            empty = least(few, len(ALPHAS), *flags) + listing
            figures[name] = {"first_s": first, "again_s": again, "empty_s": empty}
            print(f"{name}: {first:.1f} s, then {again:.2f} s; empty {empty:.2f} s: {again - empty:+.2f} s", flush=True)
        figures["new"] = apart("new", many, arguments.planned)
        print("tables with one more run: {seconds:.2f} s, {memory_mb:.0f} MB".format(**figures["new"]), flush=True)
        figures["planned"] = apart("planned", none, arguments.planned)
        print("{runs} planned runs: {seconds:.1f} s, {memory_mb:.0f} MB".format(**figures["planned"]), flush=True)
        figures["interrupted_s"] = {"in work": interrupted(many, arguments.runs, more=len(ALPHAS))}
        forget(folder)
        figures["interrupted_s"] |= {"in tables": interrupted(many, arguments.runs)}
        print(f"seconds until Ctrl-C has ended a launch: {figures['interrupted_s']}")
    if arguments.json is not None:
        from benchmarks.report import write_section  # here: the launcher that is measured does not import torch

        write_section(arguments.json, "many_runs", figures)


def make(folder: Path, count: int) -> None:
    """Write `count` run files: values drawn at random, everything else as in a real run."""
    from nnet_models import train_and_evaluate

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


def apart(what: str, folder: Path, count: int) -> dict:
    """The figures of `new` or `planned`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.many_runs", "--one", what, "--folder", str(folder)]
    done = subprocess.run([*command, "--planned", str(count)], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def new(folder: Path, _: int) -> dict:
    """CPU seconds of the tables of a folder after a run was added, and the largest memory so far (MB)."""
    store = Store(folder / "digits")
    known = current.excerpts_of(store)
    first, *others = map(store.result, [*store.outlines()][: ROUNDS + 1])
    took = []
    for run in [first, *others]:
        assert run is not None
        run["measurements"][0]["seconds"] += 1
        store.save(run)
        began = time.process_time()
        current.report(store, known)
        took.append(time.process_time() - began)
    return {"seconds": min(took[1:]), "memory_mb": own_peak_mb()}


def planned(folder: Path, count: int) -> dict:
    """CPU seconds and largest memory (MB) of a launcher that is interrupted before its first run."""
    configs = product(TrainConfig(), arch="mlp_small", regime="noisy", alpha_train=[*ALPHAS], seed=seeds(count))
    campaign = survey.survey(configs, Launch(str(folder)))
    with mock.patch.object(Campaign, "open", side_effect=KeyboardInterrupt), redirect_stdout(io.StringIO()):
        assert runner.run(campaign) == signals.EXIT_CODE
    return {"runs": count, "seconds": time.process_time(), "memory_mb": own_peak_mb()}


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


def cpu(folder: Path, count: int, *flags: str) -> float:
    """CPU seconds of a command that ends well."""
    process = started(folder, count, *flags)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (flags, process.returncode)
    return usage.ru_utime + usage.ru_stime


def least(folder: Path, count: int, *flags: str) -> float:
    """The least CPU seconds of some rounds."""
    return min(cpu(folder, count, *flags) for _ in range(ROUNDS))


def forget(folder: Path) -> None:
    """Forget what is remembered of run files and tables."""
    for name in ("index", "tables", "excerpts"):
        for path in (folder / "cache" / name).rglob("*.json"):
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
