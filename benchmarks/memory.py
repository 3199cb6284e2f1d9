"""Memory of workers before and during training, of each and of all, and the time until all of them train.

    python -m benchmarks.memory --json results/benchmarks.json

Starts workers as a campaign does, from the fork server, each with a noisy run of mlp_small on MNIST. They wait before
their run and after its first training step, so that the figures do not depend on the number of cores: processor time
of all processes, and time that passes, from the launch to the last first step. USS is the memory that is free after the
process ends; PSS adds its part of shared memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks import command_line
from campaign.engines import process
from campaign.engines.workers import environment, fork_server
from nnet.config import TrainConfig

STATES = ("before", "started", "training")
TRAINING_S = 20.0
TICK_S = 0.1
FOLDER = "BENCHMARK_FOLDER"


def main() -> None:
    """Measure each number of workers, in a process of its own, and print the table."""
    parser = command_line.parser(__doc__, "memory")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 8, 40, 80], help="default: 1 2 8 40 80")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    os.environ["NNET_DATA_DIR"] = arguments.data_dir
    if arguments.one is not None:
        print(json.dumps(measure(arguments.one)))
        return
    print("MB of a worker: USS (PSS) before, after its first step, in training; of all; CPU s and s to the last start")
    rows = []
    for workers in arguments.workers:
        command = [sys.executable, "-m", "benchmarks.memory", "--one", str(workers)]
        rows.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout))
        print_row(rows[-1])
    if arguments.json is not None:
        from benchmarks.report import write_section  # here: the launcher that is measured does not import torch

        write_section(arguments.json, "memory", {"rows": rows})


def print_row(row: dict) -> None:
    """One line of the table."""
    states = "  ".join(f"{row[state]['uss_mb']:6.1f} ({row[state]['pss_mb']:6.1f})" for state in STATES)
    print(f"{row['workers']:3} workers  {states}  {row['training']['all_mb']:8.0f}", end="  ")
    print(f"{row['cpu_s']:6.1f} {row['wall_s']:6.1f}", flush=True)


def measure(workers: int) -> dict:
    """Memory in the three states, and what it took until the last worker had taken its first step."""
    launched, row = time.perf_counter(), {"workers": workers}
    fields = dict(dataset="mnist", regime="noisy", alpha_train=0.2, epochs=1000)
    configs = [TrainConfig(seed=seed, **fields) for seed in range(workers)]
    with (
        tempfile.TemporaryDirectory() as folder,
        environment.changed({FOLDER: folder}),  # workers have the environment in which the engine started
        process.Engine(held_run, workers) as engine,
    ):
        for config in configs:
            engine.start(config)
        pids = reached("before", workers, Path(folder), engine)
        measuring = time.process_time()
        row["before"] = memory(pids)
        measuring = time.process_time() - measuring
        (Path(folder) / "go on from before").touch()
        reached("started", workers, Path(folder), engine)
        row |= {"cpu_s": cpu_seconds(pids) - measuring, "wall_s": time.perf_counter() - launched}
        row["started"] = memory(pids)
        (Path(folder) / "go on from started").touch()
        until = time.perf_counter() + TRAINING_S
        while time.perf_counter() < until:
            engine.ended(TICK_S)
        return row | {"training": memory(pids)}


def reached(state: str, workers: int, folder: Path, engine: process.Engine) -> list[int]:
    """Wait until all workers are held in this state; their pids."""
    pids = []
    while len(pids) < workers:
        if engine.ended(TICK_S):
            raise AssertionError("a run ended before it was measured")
        pids = [int(path.suffix[1:]) for path in folder.glob(f"{state}.*")]
    return pids


def held_run(config: TrainConfig) -> dict:
    """In a worker: a run that is held before it begins and after its first step."""
    hold("before")
    from nnet.regimes import base
    from nnet_models import train_and_evaluate

    step = base.Regime.step

    def first_step(regime, images, labels):
        base.Regime.step = step
        loss = step(regime, images, labels)
        hold("started")
        return loss

    base.Regime.step = first_step
    return train_and_evaluate(config)


def hold(state: str) -> None:
    """Say that this process is there, and sleep until it may go on."""
    folder = Path(os.environ[FOLDER])
    (folder / f"{state}.{os.getpid()}").touch()
    while not (folder / f"go on from {state}").exists():
        time.sleep(TICK_S)


def memory(pids: list[int]) -> dict:
    """Medians of USS and PSS over these processes, and the PSS of all of them and the fork server, in MB."""
    found = [_smaps(pid) for pid in pids]
    uss = [one["Private_Clean"] + one["Private_Dirty"] for one in found]
    pss = [one["Pss"] for one in found]
    whole = sum(pss) + _smaps(fork_server.pid())["Pss"]
    return {"uss_mb": median(uss), "uss_max_mb": max(uss), "pss_mb": median(pss), "all_mb": whole}


def cpu_seconds(pids: list[int]) -> float:
    """Processor time of the launcher (this process), the fork server and the workers."""
    total = time.process_time()
    for pid in [fork_server.pid(), *pids]:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def _smaps(pid: int) -> dict[str, float]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}


if __name__ == "__main__":
    main()
