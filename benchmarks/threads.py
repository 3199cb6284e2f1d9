"""What it gains that a campaign chooses the threads of its runs.

    python -m benchmarks.threads --json results/benchmarks.json

Plans the campaign of the block on MNIST for 80 cores: costs and the gain of a second thread are measured on this
machine, more threads are estimated by Amdahl's law. Then runs a campaign of three runs of different length with one
thread each and with the threads that it chooses, in turn. It needs idle cores; on two of them it takes half an hour.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import command_line
from benchmarks.markdown import percent, table, verdict
from benchmarks.report import ROOT, write_section
from campaign.planning.threads import LEAST_S, LEAST_SHARE
from nnet.files.temporary import temporary_folder

CORES = 80
SHOWN = ("runs", "cpu_hours", "wall_hours", "wall_hours_one_thread", "longest_run_s", "kinds")
THREE = ("cnn", "mlp_medium", "mlp_small", "--regime", "clean", "--seed", "0", "--alpha-tests", "0", "0.1")
AIM = 0.25
"""Of the wall time with one thread per run, on 80 cores."""


def main() -> None:
    """Plan, run, print, and write it where --json says."""
    parser = command_line.parser(__doc__, "threads")
    parser.add_argument("--rounds", type=int, default=2, help="how often the three runs are done each way; default 2")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the three runs; default 10")
    arguments = parser.parse_args()
    os.environ["NNET_DATA_DIR"] = arguments.data_dir
    found = {"plan": planned()}
    if arguments.rounds > 0:
        found["three"] = three(arguments.rounds, arguments.epochs)
    if arguments.json is not None:
        write_section(arguments.json, "threads", {"rounds": arguments.rounds, "epochs": arguments.epochs, **found})


def planned() -> dict:
    """The plan of the block's campaign on MNIST for 80 cores."""
    with temporary_folder() as folder:
        words = ("--max-workers", str(CORES), "--no-memory-check", "--plan", "--json")
        made = json.loads(launched(folder, words).stdout)
    print(
        f"{made['runs']} runs on {CORES} cores: {60 * made['wall_hours_one_thread']:.1f} min with one thread", end=", "
    )
    print(f"{60 * made['wall_hours']:.1f} min with: ", end="")
    print(", ".join(f"{kind['architecture']} {kind['regime']} {kind['threads']}" for kind in made["kinds"]), flush=True)
    return {name: made[name] for name in SHOWN}


def three(rounds: int, epochs: int) -> dict:
    """Seconds of a campaign of three runs with one thread each and with auto, and the threads of its run files."""
    seconds: dict[str, list[float]] = {"1": [], "auto": []}
    chosen = {}
    words = (*THREE, "--epochs", str(epochs))
    with temporary_folder() as folder:
        launched(folder, (*words, "--cpu-threads", "auto", "--plan"))  # measures what is not remembered yet
    for _ in range(rounds):
        for threads, taken in seconds.items():
            with temporary_folder() as folder:
                start = time.perf_counter()
                launched(folder, (*words, "--cpu-threads", threads))
                taken.append(time.perf_counter() - start)
                files = [json.loads(path.read_text()) for path in folder.glob("mnist/runs/*.json")]
                chosen[threads] = {run["architecture"]: run["provenance"]["threads"] for run in files}
    gain = median(one / auto for one, auto in zip(seconds["1"], seconds["auto"], strict=True))
    print(f"three runs: {seconds}, threads {chosen['auto']}: auto ends {gain:.2f} times as soon", flush=True)
    return {"seconds": seconds, "threads": chosen["auto"], "gain": gain}


def launched(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess:
    """The block's campaign on MNIST, with these flags, in an empty results folder."""
    command = [sys.executable, str(ROOT / "run_experiments.py"), *words, "--dataset", "mnist"]
    where = ("--output-dir", str(folder), "--checkpoint-dir", "none")
    return subprocess.run([*command, *where], cwd=ROOT, capture_output=True, text=True, check=True)


def chapter(section: dict) -> str:
    """The text of the performance page."""
    plan = section["plan"]
    before, after = 60 * plan["wall_hours_one_thread"], 60 * plan["wall_hours"]
    lines = [
        (kind["architecture"], kind["regime"], str(kind["runs"]), str(kind["threads"]), f"{kind['run_s']:.0f}")
        for kind in plan["kinds"]
    ]
    longest = max(plan["kinds"], key=lambda kind: kind["run_s"])
    text = f"""
The campaign of the block on MNIST, planned for {CORES} cores: {before:.1f} minutes with one thread per run,
{after:.1f} with the threads that it chooses: {after / before:.2f} times as long (aim: {AIM},
{verdict(after / before <= AIM)}). Costs and the gain of a second thread were measured, once for each kind of run; more
threads, at most four times as many, follow Amdahl's law. All runs start at once, so the longest one,
of {longest["architecture"]}, sets the time; the aim would need threads that make it {1 / AIM:g} times as fast.

{table(("network", "regime", "runs", "threads", "seconds of a run"), lines)}
"""
    if "three" not in section:
        return text
    one, auto = (median(section["three"]["seconds"][threads]) for threads in ("1", "auto"))
    threads = ", ".join(f"{arch} {number}" for arch, number in sorted(section["three"]["threads"].items()))
    chosen = f"it chose {threads}"
    if set(section["three"]["threads"].values()) == {1}:
        least = f"{LEAST_S:.0f} seconds and {percent(LEAST_SHARE)} of the time"
        chosen = f"it chose one, as always unless more threads save at least {least}"
    rounds = "one round" if section["rounds"] == 1 else f"medians of {section['rounds']} rounds"
    return f"""{text}
Three runs of {section["epochs"]} epochs on two cores took {one:.0f} seconds with one thread each and {auto:.0f} when
the campaign chose the number of threads; {chosen} ({rounds}).
"""


if __name__ == "__main__":
    main()
