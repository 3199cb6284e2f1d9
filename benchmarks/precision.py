"""What bfloat16 gains in time and does to accuracy, seed by seed against single precision.

    python -m benchmarks.precision --json results/benchmarks.json

Trains each network on MNIST, noisy, on one core, for every seed: all in fp32, with training in bf16, and with training
and sweep in bf16. Runs of one seed share initial weights, batches and noise, so differences are paired; intervals are
Student's t at 95 % over seeds. Time is gained where the processor multiplies bfloat16 itself (AMX, AVX512-BF16).
"""

import dataclasses
from statistics import median

import pandas as pd
import torch

import campaign.engines.workers.preload  # noqa: F401 - as in the process from which workers are forked
from benchmarks import command_line
from benchmarks.report import write_section
from campaign.analysis.statistics import confidence_interval
from nnet_models import TrainConfig, train_and_evaluate

PRECISIONS = {"fp32": ("fp32", "fp32"), "training bf16": ("bf16", "fp32"), "all bf16": ("bf16", "bf16")}
"""Precision of training and of the sweep."""
TIMES = ("train_seconds", "sweep_seconds")
ALPHA = 0.5
"""The α_test at which the drop is compared, beside 0.1."""


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "precision")
    parser.add_argument("architectures", nargs="*", default=["mlp_small", "mlp_large", "cnn"])
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0; default 5")
    parser.add_argument("--epochs", type=int, default=3, help="default 3")
    arguments = command_line.parsed_on_one_core(parser)
    command_line.restart_as_worker()
    torch.set_num_threads(1)
    rows = []
    for arch in arguments.architectures:
        cfg = TrainConfig(
            dataset="mnist", arch=arch, regime="noisy", alpha_train=0.2, epochs=arguments.epochs,
            data_dir=arguments.data_dir,
        )  # fmt: skip
        rows += compare(cfg, arguments.seeds)
    if arguments.json is not None:
        content = {"dataset": "mnist", "regime": "noisy", "alpha_train": 0.2, "epochs": arguments.epochs}
        write_section(arguments.json, "precision", content | {"seeds": arguments.seeds, "rows": rows})


def compare(cfg: TrainConfig, seeds: int) -> list[dict]:
    """A row for each way to use bf16, printed when it is known."""
    found = {name: pd.DataFrame([measured(cfg, seed, name) for seed in range(seeds)]) for name in PRECISIONS}
    rows = []
    for name in list(PRECISIONS)[1:]:
        row = {"architecture": cfg.arch, "precision": name, "acc_0_fp32": found["fp32"]["acc_0"].mean()}
        for part in TIMES:
            row[part.replace("seconds", "ratio")] = median(found["fp32"][part] / found[name][part])
        for quantity in ("acc_0", "drop_at_01", f"drop_at_{ALPHA:g}"):
            differences = found[name][quantity] - found["fp32"][quantity]
            low, high = confidence_interval(differences)
            row[quantity] = {"mean_difference": differences.mean(), "low": low, "high": high}
        rows.append(row)
        print_row(row)
    return rows


def measured(cfg: TrainConfig, seed: int, name: str) -> dict:
    """The figures of one run."""
    training, sweep = PRECISIONS[name]
    result = train_and_evaluate(dataclasses.replace(cfg, seed=seed, precision=training, sweep_precision=sweep))
    (drop,) = [row["drop"] for row in result["sweep"] if row["alpha_test"] == ALPHA]
    return {key: result[key] for key in (*TIMES, "acc_0", "drop_at_01")} | {f"drop_at_{ALPHA:g}": drop}


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
