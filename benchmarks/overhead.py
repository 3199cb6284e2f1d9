"""What a campaign adds to the time of its runs: submitting, collecting, writing.

    python -m benchmarks.overhead [--runs 10000] --json results/benchmarks.json

Runs that do nothing, through the whole runner: claims, workers, run files flushed to the disk, log, tables. Time of the
campaign, and CPU time of the launcher alone, of all runs and of the first and the last quarter of them, and what of it
is spent where. Also the time to build their configurations and to see which are done.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from campaign.engines import process
from campaign.engines.workers import tasks
from campaign.grid.lists import product
from campaign.grid.settings import Launch
from campaign.machine.memory import own_peak_mb
from campaign.planning import survey
from campaign.running import runner
from campaign.running.tables import Tables
from campaign.store.claims import Claims
from campaign.store.folder import Store
from campaign.store.log import Log
from nnet.config import TrainConfig
from tests.campaign.stub import run_of

PARTS = {
    "workers": (process.Engine, ("start", "ended")),
    "run files": (Store, ("save",)),
    "claims": (Claims, ("take", "keeps", "release", "refresh")),
    "log": (Log, ("add",)),
    "tables": (Tables, ("add", "look_around", "finish")),
}
"""The work of a launcher: classes and their methods."""


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000, help="default 10000")
    parser.add_argument("--workers", type=int, default=2, help="default 2")
    parser.add_argument("--json", type=Path, help="file whose section `overhead` is replaced")
    arguments = parser.parse_args()
    start = time.perf_counter()
    configs = product(TrainConfig(), arch="mlp_small", seed=list(range(arguments.runs)))
    building = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        campaign = survey.survey(configs, Launch(folder, max_workers=arguments.workers))
        surveyed = time.perf_counter() - start
        start, began = time.perf_counter(), time.process_time()
        with ExitStack() as patches:
            patches.enter_context(mock.patch.object(tasks, "train", nothing))
            patches.enter_context(mock.patch.object(Store, "save", noted(saved := [])))
            parts = timed_parts(patches)
            patches.enter_context(redirect_stdout(io.StringIO()))
            assert runner.run(campaign) == 0
        seconds, cpu = time.perf_counter() - start, time.process_time() - began
        assert campaign.finished() == len(configs)
    quarter = len(saved) // 4
    figures = {"runs": len(configs), "workers": arguments.workers, "building_s": building, "surveyed_s": surveyed}
    figures |= {"campaign_s": seconds, "ms_per_run": 1e3 * seconds / len(configs)}
    figures |= {"cpu_ms_per_run": 1e3 * cpu / len(configs), "memory_mb": own_peak_mb()}
    figures |= {"first_cpu_ms": 1e3 * (saved[quarter] - saved[0]) / quarter}
    figures |= {"last_cpu_ms": 1e3 * (saved[-1] - saved[-1 - quarter]) / quarter}
    figures["parts_ms"] = {part: 1e3 * sum(times) / len(configs) for part, times in parts.items()}
    print("{runs} configurations: built in {building_s:.2f} s, surveyed after {surveyed_s:.2f} s".format(**figures))
    print("{runs} runs that do nothing: {campaign_s:.1f} s, {ms_per_run:.2f} ms a run".format(**figures))
    print("CPU of the launcher: {cpu_ms_per_run:.2f} ms a run, {memory_mb:.0f} MB".format(**figures), end="; ")
    print("first quarter {first_cpu_ms:.2f}, last quarter {last_cpu_ms:.2f}".format(**figures))
    print(", ".join(f"{part} {spent_ms:.2f} ms" for part, spent_ms in figures["parts_ms"].items()))
    if arguments.json is not None:
        from benchmarks.report import write_section  # here: the launcher that is measured does not import torch

        write_section(arguments.json, "overhead", figures)


def noted(times: list[float], save: Callable = Store.save) -> Callable:
    """`Store.save`, which notes the CPU time of this process whenever a run is kept."""
    return lambda store, result: times.append(time.process_time()) or save(store, result)


def timed_parts(patches: ExitStack) -> dict[str, list[float]]:
    """Until `patches` end, the CPU seconds of each call of each part of the launcher."""
    spent: dict[str, list[float]] = {part: [] for part in PARTS}
    for part, (owner, methods) in PARTS.items():
        for method in methods:
            patches.callback(setattr, owner, method, whole := getattr(owner, method))
            setattr(owner, method, timed(whole, spent[part]))
    return spent


def timed(method: Callable, spent: list[float]) -> Callable:
    """The method, which adds the CPU seconds of each of its calls to `spent`."""

    def call(*given: Any, **named: Any) -> Any:
        began = time.process_time()
        try:
            return method(*given, **named)
        finally:
            spent.append(time.process_time() - began)

    return call


def nothing(config: TrainConfig, known: dict | None = None) -> dict:
    """The result of a run, without the run."""
    return run_of(config, known=known)


if __name__ == "__main__":
    main()
