"""Runs per hour with one worker and with two, and what 80 cores would do with a whole campaign.

    python -m benchmarks.scaling --json results/benchmarks.json

The two are compared with the gain of a second process for a matrix product alone and for copying memory alone, because
the cores of a virtual machine may share hardware. The model of 80 cores takes the cost of each kind of run from a
pilot, as a plan does, and gives the next run to the next free core. The gain of a second thread in one run is measured
too: this is what `--cpu-threads 2` gives if there are fewer runs than cores.
"""

import dataclasses
import heapq
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from statistics import mean, median

from benchmarks import command_line
from benchmarks.report import write_section
from campaign.engines import process
from campaign.engines.workers import tasks
from campaign.planning.costs import Cost
from campaign.planning.wall_time import makespan
from nnet.config import TrainConfig

ARCHITECTURES = ("mlp_small", "mlp_medium", "mlp_large", "cnn", "resnet18")
SEEDS, CORES = 10, 80
ALPHAS = (0.05, 0.1, 0.2)
PASSES = {"clean": 10, "noisy": 13}
"""How often a step reads or writes all weights: forward 1, gradient 2, Adam 7; noise: standard deviation 1, W + ε 2."""
ALONE_S = 3.0
THREADED = {"mlp_small": 60_000, "mlp_large": 60_000, "cnn": 12_800, "resnet18": 2_560}
"""Training images of the runs with one thread and with two."""


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = command_line.parser(__doc__, "scaling")
    parser.add_argument("--runs", type=int, default=8, help="runs of mlp_small (noisy, 3 epochs); default 8")
    parser.add_argument("--rounds", type=int, default=3, help="how often one and two workers take turns; default 3")
    parser.add_argument("--bandwidth", type=float, default=400, help="GB/s of the memory of 80 cores; default 400")
    arguments = parser.parse_args()
    os.environ["NNET_DATA_DIR"] = arguments.data_dir
    found = {"workers": two_workers(arguments.runs, arguments.rounds)}
    found["alone"] = {action.__name__: alone(action) for action in (sgemm, copy)}
    for name, gain in found["alone"].items():
        print(f"{name} alone: two processes do {gain:.2f} times the work of one")
    found["threads"] = {arch: two_threads(arch, arguments.rounds) for arch in THREADED}
    found["model"] = model(arguments.bandwidth)
    if arguments.json is not None:
        write_section(arguments.json, "scaling", {"rounds": arguments.rounds, **found})


def two_workers(runs: int, rounds: int) -> dict:
    """Runs per hour with one worker and with two, in turn."""
    configs = [
        TrainConfig(dataset="mnist", regime="noisy", alpha_train=0.2, epochs=3, seed=seed) for seed in range(runs)
    ]
    spend(configs[:1], 1)  # starts the fork server
    seconds = [(spend(configs, 1), spend(configs, 2)) for _ in range(rounds)]
    per_hour = [3600 * runs / median(times) for times in zip(*seconds, strict=True)]
    gains = sorted(one / two for one, two in seconds)
    print(f"runs per hour: one worker {per_hour[0]:.0f}, two {per_hour[1]:.0f}", end=": ")
    print(f"{median(gains):.2f} times ({gains[0]:.2f} to {gains[-1]:.2f})", flush=True)
    return {"per_hour": per_hour, "gain": median(gains), "gain_min": gains[0], "gain_max": gains[-1]}


def two_threads(arch: str, rounds: int) -> float:
    """How many times as fast one run is with two threads, alone on the machine, median."""
    config = TrainConfig(dataset="mnist", arch=arch, epochs=1, max_train_samples=THREADED[arch], alpha_tests=(0,))
    threads = [dataclasses.replace(config, cpu_threads=count) for count in (1, 2)]
    seconds = [[train_seconds(config) for config in threads] for _ in range(rounds)]
    gain = median(one / two for one, two in seconds)
    print(f"{arch}: two threads train {gain:.2f} times as fast as one", flush=True)
    return gain


def train_seconds(config: TrainConfig) -> float:
    """Seconds of training of one run in a worker."""
    return outcome(config, tasks.train)["train_seconds"]


def outcome(config: TrainConfig, work: Callable[[TrainConfig], dict]) -> dict:
    """What a worker that is alone on the machine returns."""
    with process.Engine(work, 1) as engine:
        ((_, result),) = engine.outcomes([config])
    return result


def spend(configs: list[TrainConfig], workers: int) -> float:
    """Seconds from the first start to the last result."""
    start = time.perf_counter()
    with process.Engine(tasks.train, workers) as engine:
        assert len(list(engine.outcomes(configs))) == len(configs)
    return time.perf_counter() - start


def alone(action: Callable[[float], int]) -> float:
    """How many times the work of one process two do at the same time."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(action, [0.1, 0.1])
        one = pool.apply(action, [ALONE_S])
        return sum(pool.map(action, [ALONE_S, ALONE_S])) / one


def sgemm(seconds: float) -> int:
    """How many products of 512×512 matrices."""
    import torch

    torch.set_num_threads(1)
    a, b, c = torch.randn(3, 512, 512)
    return repetitions(lambda: torch.mm(a, b, out=c), seconds)


def copy(seconds: float) -> int:
    """How many copies of 64 MB."""
    import torch

    torch.set_num_threads(1)
    source, target = torch.zeros(2, 2**24)
    return repetitions(lambda: target.copy_(source), seconds)


def repetitions(action: Callable[[], object], seconds: float) -> int:
    """How often it can be done in this time."""
    done, until = 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        action()
        done += 1
    return done


def model(bandwidth: float) -> dict:
    """A campaign of all architectures on full MNIST, 10 epochs, on 80 cores."""
    costs, traffic = [], []
    for arch in ARCHITECTURES:
        for regime, kinds in (("clean", 1), ("noisy", len(ALPHAS))):
            config = TrainConfig(dataset="mnist", arch=arch, regime=regime, alpha_train=0.2)
            seconds = Cost(**outcome(config, tasks.pilot)["cost"]).seconds(config)
            costs += [seconds] * kinds * SEEDS
            print(f"  {arch:10} {regime:5} {seconds:7.0f} s", flush=True)
            traffic += [(seconds, memory_traffic(config))] * kinds * SEEDS
    longest_first = makespan(costs, CORES)
    shuffled = mean(in_any_order(costs, seed) for seed in range(100))
    bound = max(max(costs), sum(costs) / CORES)
    demand = CORES * sum(size for _, size in traffic) / sum(seconds for seconds, _ in traffic) / 1e9
    found = {"runs": len(costs), "core_s": sum(costs), "longest_run_s": max(costs), "bound_s": bound}
    found |= {
        "longest_first_s": longest_first,
        "any_order_s": shuffled,
        "weights_gb_s": demand,
        "given_gb_s": bandwidth,
    }
    print("{runs} runs, {core_s:.0f} core seconds; on 80 cores not before {bound_s:.0f} s".format(**found), end=" ")
    print("(longest run {longest_run_s:.0f} s): longest first {longest_first_s:.0f} s,".format(**found), end=" ")
    print("in any order {any_order_s:.0f} s".format(**found))
    print("weights move {weights_gb_s:.0f} GB/s if no cache holds them; given {given_gb_s:.0f}".format(**found))
    return found


def in_any_order(costs: list[float], seed: int) -> float:
    """Seconds until the last run ends if the runs start in a random order."""
    free = [0.0] * CORES
    for seconds in random.Random(seed).sample(costs, len(costs)):
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def memory_traffic(config: TrainConfig) -> float:
    """Bytes of weights, gradients and moments that training moves, if no cache keeps them from one use to the next."""
    from nnet_models import build_model

    parameters = sum(parameter.numel() for parameter in build_model(config.arch).parameters())
    return 4 * parameters * PASSES[config.regime] * config.epochs * 60_000 / config.batch_size


if __name__ == "__main__":
    main()
