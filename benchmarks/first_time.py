"""How long a user waits the first time: for a plan, and for `make run` after the packages are installed.

    python -m benchmarks.first_time --json results/benchmarks.json

Each round has an empty cache: no data are prepared, no loop is compiled, and no cost is known. `make run` is also
measured at the commit before it was shortened. Nothing else may run, and .venv must have the packages. Ten minutes.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import command_line
from benchmarks.markdown import verdict
from benchmarks.report import ROOT, write_section
from nnet.files.temporary import temporary_folder

BEFORE = "52644b4abab0d1170150710ca0153f087167ca23"
"""The last commit before `make run` was shortened."""
COMMANDS = ("plan", "plan_again", "run", "run_before")
PLAN_S, SHARE = 20, 0.5
"""Aims: seconds of the first plan, and the share of the earlier time that `make run` may take."""


def main() -> None:
    """Measure, print, and write it where --json says."""
    parser = command_line.parser(__doc__, "first_time")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    arguments = parser.parse_args()
    os.environ["NNET_DATA_DIR"] = arguments.data_dir
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(arguments.rounds):
        with temporary_folder() as folder:
            plan = [sys.executable, "run_experiments.py", "--dataset", "mnist", "--plan", "--output-dir", f"{folder}/r"]
            seconds["plan"].append(measured(plan, ROOT, folder))
            seconds["plan_again"].append(measured(plan, ROOT, folder))
        for name, commit in (("run", "HEAD"), ("run_before", BEFORE)):
            with temporary_folder() as folder:
                clone(commit, folder / "clone")
                seconds[name].append(measured(["make", "run", f"OUTPUT={folder}/r"], folder / "clone", folder))
        print({name: f"{taken[-1]:.1f} s" for name, taken in seconds.items()}, flush=True)
    if arguments.json is not None:
        write_section(arguments.json, "first_time", {"rounds": arguments.rounds, "seconds": seconds})


def clone(commit: str, folder: Path) -> None:
    """A clone of the repository at a commit, with the packages of this one."""
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", ROOT, folder], check=True)
    subprocess.run(["git", "-C", folder, "checkout", "--quiet", commit], check=True)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    (folder / ".venv/installed").touch()  # newer than the clone's requirements.txt: nothing is installed again


def measured(command: Sequence[str], where: Path, cache: Path) -> float:
    """Seconds of a command that has its caches in a folder of its own."""
    settings = os.environ | {"NNET_CACHE_DIR": f"{cache}/cache"}
    start = time.perf_counter()
    subprocess.run(command, cwd=where, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def chapter(section: dict) -> str:
    """The text of the performance page."""
    plan, again, run, before = (median(section["seconds"][name]) for name in COMMANDS)
    return f"""
With an empty cache the first plan of the block's campaign on MNIST takes {plan:.0f} seconds (aim: {PLAN_S},
{verdict(plan < PLAN_S)}), the second {again:.1f}. `make run` with installed packages takes {run:.0f} seconds, and took
{before:.0f} before it did less ({run / before:.2f} of that; aim: {SHARE}, {verdict(run / before <= SHARE)}). Medians of
{section["rounds"]} rounds on {section["machine"]["cores"]} cores.
"""


if __name__ == "__main__":
    main()
