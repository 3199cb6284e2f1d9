"""What Dask adds to the time of a run, and how much memory a long list of runs takes in the launcher.

    python -m benchmarks.cluster --json results/benchmarks.json

Runs that do nothing, through the engine `dask` with a temporary scheduler and two workers on loopback, from the first
outcome to the last; and the memory of the launcher before and while it works on a long list of configurations: a run
is submitted only when a worker is free.
"""

import argparse
import time
from itertools import islice
from pathlib import Path

from benchmarks.report import write_section
from campaign.engines import dask
from campaign.engines.workers import tasks
from campaign.machine.memory import own_peak_mb
from nnet.config import TrainConfig

WORKERS = 2


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="runs that do nothing; default 1000")
    parser.add_argument("--planned", type=int, default=100_000, help="runs of the large campaign; default 100000")
    parser.add_argument("--json", type=Path, help="file whose section `cluster` is replaced")
    arguments = parser.parse_args()
    figures = {"workers": WORKERS, **overhead(arguments.runs), **memory(arguments.planned)}
    print("{runs} runs that do nothing on {workers} workers: {ms_per_run:.2f} ms a run".format(**figures))
    print(
        "{planned} planned runs: {launcher_mb:.0f} MB in the launcher, {dask_mb:.0f} of them for Dask".format(**figures)
    )
    if arguments.json is not None:
        write_section(arguments.json, "cluster", figures)


def overhead(runs: int) -> dict:
    """Milliseconds between two outcomes, without the start of the workers."""
    configs = [TrainConfig(seed=seed) for seed in range(runs + 1)]
    with dask.Engine(tasks.nothing, WORKERS) as engine:
        outcomes = engine.outcomes(configs)
        next(outcomes)
        start = time.perf_counter()
        count = sum(1 for _ in islice(outcomes, runs))
        seconds = time.perf_counter() - start
    return {"runs": count, "ms_per_run": 1e3 * seconds / count}


def memory(planned: int) -> dict:
    """MB that the launcher has for itself with this many configurations, before and while Dask works on them."""
    configs = [TrainConfig(seed=seed) for seed in range(planned)]
    for config in configs:
        config.run_id  # noqa: B018 - it is kept in the configuration, as in a campaign
    before = own_peak_mb()
    with dask.Engine(tasks.nothing, WORKERS) as engine:
        for _ in islice(engine.outcomes(configs), 500):
            pass
        during = own_peak_mb()
    return {"planned": planned, "launcher_mb": during, "dask_mb": during - before}


if __name__ == "__main__":
    main()
