"""How well a plan predicts the campaign that follows it.

    python -m benchmarks.planning --json results/benchmarks.json -- --study pixels --dataset mnist --epochs 20

Plans the campaign that `run_experiments.py` makes of the flags after `--`, runs it, and compares. The results are kept;
runs that are already finished are in neither figure.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import write_section
from nnet.record.provenance import ROOT

SHOWN = (
    *("runs", "to_do", "workers", "cpu_hours", "wall_hours", "wall_hours_one_thread"),
    *("longest_run_s", "memory_mb", "kinds"),
)


def main() -> None:
    """Plan, run, print the comparison, and write it where --json says."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, help="file in which the section named after the campaign is replaced")
    parser.add_argument("campaign", nargs="*", help="flags of run_experiments.py, after --")
    arguments = parser.parse_args()
    command = [sys.executable, str(ROOT / "run_experiments.py"), *arguments.campaign]
    subprocess.run([*command, "--plan"], check=True)  # measures what is not remembered yet
    plan = json.loads(subprocess.run([*command, "--plan", "--json"], capture_output=True, check=True).stdout)
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    actual = time.perf_counter() - start
    planned = 3600 * plan["wall_hours"]
    print(f"{plan['to_do']} runs on {plan['workers']} workers: planned {planned:.0f} s, took {actual:.0f} s", end=": ")
    print(f"{actual / planned:.2f} times as long", flush=True)
    if arguments.json is not None:
        found = {name: plan[name] for name in SHOWN} | {"actual_s": actual, "actual_over_planned": actual / planned}
        write_section(arguments.json, f"plan: {' '.join(arguments.campaign)}", found)


if __name__ == "__main__":
    main()
