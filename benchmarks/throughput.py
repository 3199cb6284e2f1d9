"""How many times faster than the plain program a run is: training and sweep, on one core.

    python -m benchmarks.throughput --json results/benchmarks.json

Each round starts the plain program and this project's `train_and_evaluate` in turn, each in a process of its own,
pinned to one core. The plain program (DataLoader, sample by sample, default Adam, the loader read again for every
noise draw) is a file of its own, given by --yardstick. What comes before training (process start, imports, parsing)
is in neither figure; it stands on a line of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.report import write_section

YARDSTICK = Path("../shared/bench/seed_programs.py")
CASES = {"mlp_small": None, "mlp_large": None, "cnn": None, "resnet18": 12_800}
"""Training images of one epoch by architecture; None is all."""
PARTS = ("train_s", "sweep_s")
ONE_RUN = """
import json, sys
import campaign.warm  # as in the process from which workers are forked
from nnet_models import TrainConfig, train_and_evaluate
fields = dict(dataset="mnist", epochs=1, regime="noisy", alpha_train=0.05) | json.loads(sys.argv[1])
result = train_and_evaluate(TrainConfig(**fields))
print(json.dumps({"train_s": result["train_seconds"], "sweep_s": result["sweep_seconds"], "acc_0": result["acc_0"]}))
"""


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--yardstick", type=Path, default=YARDSTICK, help=f"the plain program; default {YARDSTICK}")
    parser.add_argument("--rounds", type=int, default=3, help="how often the two run in turn; default 3")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="default: all architectures")
    parser.add_argument("--data-dir", default=os.environ.get("NNET_DATA_DIR", "data"), help="folder with MNIST")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to be pinned to")
    parser.add_argument("--json", type=Path, help="file whose section `throughput` is replaced")
    arguments = parser.parse_args()
    if not arguments.yardstick.is_file():
        parser.error(f"there is no plain program {arguments.yardstick}; --yardstick says where it is")
    os.sched_setaffinity(0, {arguments.core})
    os.environ |= {"NNET_DATA_DIR": arguments.data_dir, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    ours("mlp_small", 128)  # so that the cache of the data is there
    rows = [row for arch in arguments.only for row in compare(arch, arguments.yardstick, arguments.rounds)]
    if arguments.json is not None:
        write_section(arguments.json, "throughput", {"rounds": arguments.rounds, "rows": rows})


def compare(arch: str, yardstick: Path, rounds: int) -> list[dict]:
    """The row of training and that of the sweep, printed when they are known."""
    plain_runs, our_runs = [], []
    for _ in range(rounds):
        plain_runs.append(plain(arch, CASES[arch], yardstick))
        our_runs.append(ours(arch, CASES[arch]))
    rows = []
    for part in PARTS:
        pairs = [(one[part], other[part]) for one, other in zip(plain_runs, our_runs, strict=True)]
        ratios = sorted(plain / ours for plain, ours in pairs)
        row = {"architecture": arch, "train_samples": CASES[arch] or 60_000, "part": part.removesuffix("_s")}
        row |= {"plain_s": median(plain for plain, _ in pairs), "ours_s": median(ours for _, ours in pairs)}
        rows.append(row | {"ratio": median(ratios), "ratio_min": ratios[0], "ratio_max": ratios[-1]})
        print("{architecture:10} {part:6} plain {plain_s:8.2f} s   ours {ours_s:7.2f} s   ".format(**rows[-1]), end="")
        print("ratio {ratio:5.2f} ({ratio_min:.2f} to {ratio_max:.2f})".format(**rows[-1]), flush=True)
    starts = [median(run["start_s"] for run in runs) for runs in (plain_runs, our_runs)]
    accuracies = [median(run["acc_0"] for run in runs) for runs in (plain_runs, our_runs)]
    print(f"{arch:10} before  plain {starts[0]:8.2f} s   ours {starts[1]:7.2f} s   (process start, imports, data)")
    print(f"{arch:10} acc(0)  plain {accuracies[0]:8.4f}     ours {accuracies[1]:7.4f}", flush=True)
    for row in rows:
        row |= {"plain_before_s": starts[0], "ours_before_s": starts[1]}
    return rows


def plain(arch: str, samples: int | None, yardstick: Path) -> dict:
    """One run of the plain program."""
    command = [sys.executable, str(yardstick), "noise", "--arch", arch, "--data", os.environ["NNET_DATA_DIR"]]
    return _timed([*command, "--train-samples", str(samples or 0)])


def ours(arch: str, samples: int | None) -> dict:
    """One run of this project."""
    return _timed([sys.executable, "-c", ONE_RUN, json.dumps({"arch": arch, "max_train_samples": samples})])


def _timed(command: list[str]) -> dict:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures | {"start_s": time.perf_counter() - start - figures["train_s"] - figures["sweep_s"]}


if __name__ == "__main__":
    main()
