"""How long a user waits the first time: for a plan, and for `make run` after the packages are installed.

    python -m benchmarks.first_time --json results/benchmarks.json

Each round has an empty cache: no data are prepared, no loop is compiled, and no cost is known. `make run` is also
measured at the commit before it was shortened. Both are clones of what is committed. Nothing else may run, and .venv
must have the packages. A quarter of an hour on two cores.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pandas as pd

from benchmarks import command_line
from benchmarks.markdown import table, verdict
from benchmarks.report import ROOT, write_section
from nnet.files.temporary import temporary_folder

BEFORE = "52644b4abab0d1170150710ca0153f087167ca23"
"""The last commit before `make run` was shortened."""
PLANS = {"plan": (), "plan_80": ("--max-workers", "80", "--no-memory-check")}
"""Flags of the plans: for this machine, and for 80 cores, which also measures runs with two threads."""
COMMITS = {"run": "HEAD", "run_before": BEFORE}
PLAN_S, SHARE = 20, 0.5
"""Aims: seconds of the first plan, and the share of the earlier time that `make run` may take."""


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = command_line.parser(__doc__, "first_time")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    arguments = parser.parse_args()
    os.environ["NNET_DATA_DIR"] = arguments.data_dir
    found: dict[str, list] = {name: [] for name in (*PLANS, "plan_again", *COMMITS)}
    for _ in range(arguments.rounds):
        for name, flags in PLANS.items():
            with temporary_folder() as folder:
                found[name].append(measured(planning(folder, flags), ROOT, folder))
                if not flags:
                    found["plan_again"].append(measured(planning(folder, flags), ROOT, folder))
        for name, commit in COMMITS.items():
            with temporary_folder() as folder:
                found[name].append(made(commit, folder))
        print({name: seen[-1] for name, seen in found.items()}, flush=True)
    if arguments.json is not None:
        write_section(arguments.json, "first_time", {"rounds": arguments.rounds, **found})


def planning(folder: Path, flags: Sequence[str]) -> list[str]:
    """The command that plans the block's campaign on MNIST."""
    command = [sys.executable, "run_experiments.py", "--dataset", "mnist", "--plan"]
    return [*command, *flags, "--output-dir", f"{folder}/results"]


def made(commit: str, folder: Path) -> dict:
    """Seconds of `make run` at a commit, of its campaign alone, and the mean accuracy of each network without noise."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, folder / "clone"], check=True)
    subprocess.run(["git", "-C", folder / "clone", "checkout", "--quiet", commit], check=True)
    (folder / "clone/.venv").symlink_to((ROOT / ".venv").resolve())
    results, start = folder / "results", time.time()
    installed = ["--old-file", ".venv/installed"]  # whatever its time: nothing is installed again
    seconds = measured(["make", "run", *installed, f"OUTPUT={results}"], folder / "clone", folder)
    last = max(path.stat().st_mtime for path in (results / "digits/runs").iterdir())
    runs = pd.read_csv(results / "digits/results_per_run.csv")
    return {"seconds": seconds, "runs_s": last - start, "acc": runs.groupby("architecture")["acc_0"].mean().to_dict()}


def measured(command: Sequence[str], where: Path, folder: Path) -> float:
    """Seconds of a command whose cache is in a folder of its own."""
    settings = os.environ | {"NNET_CACHE_DIR": f"{folder}/cache"}
    start = time.perf_counter()
    subprocess.run(command, cwd=where, env=settings, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def chapter(section: dict) -> str:
    """The text of the performance page."""
    plan, plan_80, again = (median(section[name]) for name in (*PLANS, "plan_again"))
    run, before = (median(one["seconds"] for one in section[name]) for name in COMMITS)
    runs = median(one["runs_s"] for one in section["run"])
    networks = section["run"][0]["acc"]
    lines = [
        (arch, *(f"{100 * median(one['acc'][arch] for one in section[name]):.0f}" for name in COMMITS))
        for arch in networks
    ]
    return f"""
With an empty cache the first plan of the block's campaign on MNIST takes {plan:.0f} seconds (aim: under {PLAN_S},
{verdict(plan < PLAN_S)}), and for 80 cores, where runs with two threads are measured too, {plan_80:.0f}
({verdict(plan_80 < PLAN_S)}). The second plan takes {again:.1f} seconds.

`make run` takes {run:.0f} seconds with installed packages; at the commit before it was shortened it took {before:.0f}
({run / before:.2f} times as long; aim: {SHARE}, {verdict(run / before <= SHARE)}). The plan and all runs take the first
{runs:.0f} seconds; the report, the figures and the notebook take the rest. Accuracy without noise in %, means over
regimes and seeds:

{table(("network", "now", "before"), lines)}

All numbers are medians of {section["rounds"]} rounds on {section["machine"]["cores"]} cores.
"""


if __name__ == "__main__":
    main()
