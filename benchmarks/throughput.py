"""How many times faster a run is than the plain program: training and sweep, on one core.

    python -m benchmarks.throughput --json results/benchmarks.json

Each round runs the plain program (`benchmarks.plain_programs`) and then this project's `train_and_evaluate`, each in
a process of its own, pinned to one core. Start-up (process, imports, data) is excluded from both and printed on a line
of its own.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import median

from benchmarks import command_line
from benchmarks.report import write_section


@dataclass(frozen=True)
class Case:
    """One epoch of training and one sweep, in the words of both programs."""

    plain: list[str]
    """Arguments of the plain program."""
    fields: dict
    """Fields of TrainConfig."""
    train_samples: int = 60_000


def _noisy(arch: str, train_samples: int = 60_000) -> Case:
    fields = {"arch": arch, "regime": "noisy", "alpha_train": 0.05}
    return Case(["noise", "--arch", arch, "--alpha", "0.05"], fields, train_samples)


CASES = {
    "mlp_small": _noisy("mlp_small"),
    "mlp_large": _noisy("mlp_large"),
    "cnn": _noisy("cnn"),
    "resnet18": _noisy("resnet18", 12_800),
    "pixel_mlp": Case(["pixels", "--model", "mlp", "--p", "0.3"], {"arch": "pixel_mlp", "p": 0.3, "alpha_tests": [0]}),
}
PARTS = ("train_s", "sweep_s")
ONE_RUN = """
import json, sys
import campaign.engines.workers.warm  # as in the process from which workers are forked: compiles the loops
from nnet_models import TrainConfig, train_and_evaluate
result = train_and_evaluate(TrainConfig(dataset="mnist", epochs=1, **json.loads(sys.argv[1])))
print(json.dumps({"train_s": result["train_seconds"], "sweep_s": result["sweep_seconds"], "accuracy": result["acc_0"]}))
"""


def main() -> None:
    """Measure, print the table, and write it where --json says."""
    parser = command_line.parser(__doc__, "throughput")
    parser.add_argument("--rounds", type=int, default=3, help="rounds per case; default 3")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="default: all of them")
    arguments = command_line.parsed_on_one_core(parser)
    os.environ |= {"NNET_DATA_DIR": arguments.data_dir, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    ours(_noisy("mlp_small", 128))  # prepares the cache of the data
    rows = [row for name in arguments.only for row in compare(name, arguments.rounds)]
    if arguments.json is not None:
        write_section(arguments.json, "throughput", {"rounds": arguments.rounds, "rows": rows})


def compare(name: str, rounds: int) -> list[dict]:
    """Measure one case, print and return two rows: training and sweep."""
    plain_runs, our_runs = [], []
    for _ in range(rounds):
        plain_runs.append(plain(CASES[name]))
        our_runs.append(ours(CASES[name]))
    rows = []
    for part in PARTS:
        pairs = [(one[part], other[part]) for one, other in zip(plain_runs, our_runs, strict=True)]
        ratios = sorted(plain / ours for plain, ours in pairs)
        row = {"case": name, "train_samples": CASES[name].train_samples, "part": part.removesuffix("_s")}
        row |= {"plain_s": median(plain for plain, _ in pairs), "ours_s": median(ours for _, ours in pairs)}
        rows.append(row | {"ratio": median(ratios), "ratio_min": ratios[0], "ratio_max": ratios[-1]})
        print("{case:10} {part:6} plain {plain_s:8.2f} s   ours {ours_s:7.2f} s   ".format(**rows[-1]), end="")
        print("ratio {ratio:5.2f} ({ratio_min:.2f} to {ratio_max:.2f})".format(**rows[-1]), flush=True)
    starts = [median(run["start_s"] for run in runs) for runs in (plain_runs, our_runs)]
    accuracies = [median(run["accuracy"] for run in runs) for runs in (plain_runs, our_runs)]
    print(f"{name:10} before  plain {starts[0]:8.2f} s   ours {starts[1]:7.2f} s   (process start, imports, data)")
    print(f"{name:10} acc(0)  plain {accuracies[0]:8.4f}     ours {accuracies[1]:7.4f}", flush=True)
    for row in rows:
        row |= {"plain_before_s": starts[0], "ours_before_s": starts[1]}
    return rows


def plain(case: Case) -> dict:
    """One run of the plain program."""
    samples = [] if case.train_samples == 60_000 else ["--train-samples", str(case.train_samples)]
    program = [sys.executable, "-m", "benchmarks.plain_programs", *case.plain]
    return _timed([*program, "--data-dir", os.environ["NNET_DATA_DIR"], *samples])


def ours(case: Case) -> dict:
    """One run of this project."""
    fields = case.fields | {"max_train_samples": case.train_samples}
    return _timed([sys.executable, "-c", ONE_RUN, json.dumps(fields)])


def _timed(command: list[str]) -> dict:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    return figures | {"start_s": time.perf_counter() - start - figures["train_s"] - figures["sweep_s"]}


if __name__ == "__main__":
    main()
