"""Speed and accuracy of bfloat16, compared with single precision seed by seed.

    python -m benchmarks.precision --json results/benchmarks.json
    python -m benchmarks.precision resnet18 --train-samples 2560 --test-samples 1000 --epochs 2 --json ...

Trains each network on MNIST, noisy, on one core, for every seed: all in fp32, with training in bf16 (autocast), with
training and sweep in bf16, and with tensors in fp32 whose products oneDNN may compute in bf16. Runs of one seed share
initial weights, batches and noise, and run one after the other on one core, so differences are paired; intervals are
Student's t at 95 % over seeds. With `--workers` several seeds run side by side, each on its own core. Only processors
that multiply bfloat16 in hardware (AMX, AVX512-BF16) gain time.
"""

import dataclasses
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from statistics import median

import pandas as pd
import torch

import campaign.engines.workers.warm  # noqa: F401 - as in the process from which workers are forked
from benchmarks import command_line
from benchmarks.report import write_section
from campaign.analysis.statistics import confidence_interval
from nnet_models import TrainConfig, train_and_evaluate

PRECISIONS = {
    "fp32": ("fp32", "fp32", "none"),
    "training bf16": ("bf16", "fp32", "none"),
    "all bf16": ("bf16", "bf16", "none"),
    "products bf16": ("fp32", "fp32", "bf16"),
}
"""Precision of training, of the sweep, and of oneDNN's products of fp32 tensors."""
TIMES = ("train_seconds", "sweep_seconds")
ALPHA = 0.5
"""The α_test at which the drop is compared, beside 0.1."""


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "precision")
    parser.add_argument("architectures", nargs="*", default=["mlp_small", "mlp_large", "cnn"])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0; default 5")
    parser.add_argument("--epochs", type=int, default=3, help="default 3")
    parser.add_argument("--train-samples", type=int, help="training images; default all")
    parser.add_argument("--test-samples", type=int, help="test images; default all")
    parser.add_argument("--workers", type=int, default=1, help="seeds side by side, from --core on; default 1")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    cores = list(range(arguments.core, arguments.core + arguments.workers))
    if not cores or cores[-1] >= (os.cpu_count() or 1):
        parser.error(f"--workers must be at least 1 and fit on the cores from --core on; got {arguments.workers}")
    rows = []
    for arch in arguments.architectures:
        cfg = TrainConfig(
            dataset="mnist", arch=arch, regime="noisy", alpha_train=0.2, epochs=arguments.epochs,
            data_dir=arguments.data_dir, max_train_samples=arguments.train_samples,
            max_test_samples=arguments.test_samples,
        )  # fmt: skip
        rows += compare(cfg, arguments.seeds, cores)
    if arguments.json is not None:
        names = ("epochs", "seeds", "train_samples", "test_samples", "workers")
        content = {"dataset": "mnist", "regime": "noisy", "alpha_train": 0.2}
        content |= {name: getattr(arguments, name) for name in names}
        all_images = arguments.train_samples is None
        section = "precision" if all_images else f"precision: {arguments.train_samples} images"
        write_section(arguments.json, section, content | {"rows": rows})


def compare(cfg: TrainConfig, seeds: int, cores: list[int]) -> list[dict]:
    """A row for each use of bf16, printed as soon as it is measured."""
    context = multiprocessing.get_context("spawn")
    free: multiprocessing.Queue = context.Queue()
    for core in cores:
        free.put(core)
    with ProcessPoolExecutor(len(cores), context, pin, (free,)) as pool:
        runs = list(pool.map(measured_in_turn, [cfg] * seeds, range(seeds)))
    results = {name: pd.DataFrame([run[name] for run in runs]) for name in PRECISIONS}
    rows = []
    for name in list(PRECISIONS)[1:]:
        row = {"architecture": cfg.arch, "precision": name, "acc_0_fp32": results["fp32"]["acc_0"].mean()}
        for part in TIMES:
            row[part.replace("seconds", "ratio")] = median(results["fp32"][part] / results[name][part])
        for quantity in ("acc_0", "drop_at_01", f"drop_at_{ALPHA:g}"):
            differences = results[name][quantity] - results["fp32"][quantity]
            low, high = confidence_interval(differences)
            row[quantity] = {"mean_difference": differences.mean(), "low": low, "high": high}
        rows.append(row)
        print_row(row)
    return rows


def pin(free: multiprocessing.Queue) -> None:
    """Give this process a core of its own."""
    os.sched_setaffinity(0, {free.get()})
    torch.set_num_threads(1)


def measured_in_turn(cfg: TrainConfig, seed: int) -> dict[str, dict]:
    """The figures of one seed in each precision."""
    measured(dataclasses.replace(cfg, max_train_samples=256, max_test_samples=100, epochs=1), 0, "fp32")  # compiles
    return {name: measured(cfg, seed, name) for name in PRECISIONS}


def measured(cfg: TrainConfig, seed: int, name: str) -> dict:
    """The figures of one run."""
    training, sweep, of_products = PRECISIONS[name]
    with products_in(of_products):
        result = train_and_evaluate(dataclasses.replace(cfg, seed=seed, precision=training, sweep_precision=sweep))
    (drop,) = [row["drop"] for row in result["sweep"] if row["alpha_test"] == ALPHA]
    return {key: result[key] for key in (*TIMES, "acc_0", "drop_at_01")} | {f"drop_at_{ALPHA:g}": drop}


@contextmanager
def products_in(precision: str) -> Iterator[None]:
    """Within the `with` block oneDNN may round the factors of fp32 products to `precision`."""
    kinds = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv
    try:
        for kind in kinds:
            kind.fp32_precision = precision
        yield
    finally:
        for kind in kinds:
            kind.fp32_precision = "none"


def print_row(row: dict) -> None:
    """One line of the table; differences in percentage points, with their intervals."""
    print("{architecture:10} {precision:13} training {train_ratio:5.2f} times as fast".format(**row), end=", ")
    print("sweep {sweep_ratio:5.2f}".format(**row), end="   ")
    for name, difference in row.items():
        if isinstance(difference, dict):
            text = "{mean_difference:+.3f} ({low:+.3f} to {high:+.3f})"
            print(f"{name} {text.format(**{key: 100 * value for key, value in difference.items()})}", end="   ")
    print(flush=True)


if __name__ == "__main__":
    main()
