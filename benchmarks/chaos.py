"""Kill processes of a campaign of 60 short runs at random, again and again, and count what was lost: nothing.

    python -m benchmarks.chaos [--kills 500] [--workers 2] [--every-s 2.5] [--seed 0]

Every few seconds, at random, one process of the campaign gets signal 9: a worker (7 of 10), the fork server
(1 of 10) or the launcher (2 of 10; one in four of these gets SIGTERM instead). A launcher that has ended is started
again with the same command. At its end each campaign is compared with an undisturbed one, bit for bit except for
timings. Takes about half an hour on two cores.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from nnet.files.atomic import LEFTOVER
from tests.conftest import ROOT
from tests.faults.launching import csv_files, fork_server_of, kill, run_files, session, wait_for, workers_of

CAMPAIGN = (
    "mlp_small --dataset digits --regimes clean noisy --alpha-train 0.2 --epochs 12 --alpha-tests 0 0.5 "
    "--noise-samples 1 --epoch-checkpoint-s 0 --seeds"
).split() + [str(seed) for seed in range(30)]
RUNS = 60
VICTIMS = {"worker": 7, "fork server": 1, "launcher": 2}
SIGTERM_SHARE = 0.25
WRONG = ("results lost", "results differing", "tables differing", "quarantined innocents", "files left behind")


def main() -> int:
    """Returns 0 if nothing was lost, differs, was given up or was left behind, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, help="stop after the campaign in which so many are reached")
    parser.add_argument("--workers", type=int, default=2, help="workers of each campaign")
    parser.add_argument("--every-s", type=float, default=2.5, help="mean seconds between two kills")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments and the victims")
    flags = parser.parse_args()
    moments, kills, found, campaigns, began = random.Random(flags.seed), Counter(), Counter(), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        undisturbed = Path(folder) / "undisturbed"
        assert launch(undisturbed, flags.workers).wait() == 0
        while kills.total() < flags.kills:
            campaigns += 1
            results = Path(folder) / str(campaigns)
            kills += disturb(results, flags, moments)
            found += compare(results / "digits", undisturbed / "digits")
            print(f"campaign {campaigns}: {kills.total()} kills so far {dict(kills)}, {dict(found)}", flush=True)
    print(f"{campaigns} campaigns of {RUNS} runs, {time.monotonic() - began:.0f} s, seed {flags.seed}")
    print(f"kills survived: {kills.total()} ({', '.join(f'{count} {who}' for who, count in kills.most_common())})")
    for what in WRONG:
        print(f"{what}: {found[what]}")
    return 1 if found.total() else 0


def launch(output: Path, workers: int) -> subprocess.Popen:
    """Start the campaign in a session of its own."""
    words = [*CAMPAIGN, "--max-workers", str(workers), "--output-dir", str(output), "--checkpoint-dir", "none"]
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_experiments.py"), *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def disturb(output: Path, flags: argparse.Namespace, moments: random.Random) -> Counter:
    """One campaign, killed at random and started again until it ends by itself; the kills by victim."""
    kills: Counter = Counter()
    launcher = launch(output, flags.workers)
    while True:
        try:
            launcher.wait(timeout=moments.uniform(0.2, 1.8) * flags.every_s)
        except subprocess.TimeoutExpired:
            victim = moments.choices([*VICTIMS], [*VICTIMS.values()])[0]
            kills[victim] += strike(launcher, victim, moments)
            continue
        if launcher.returncode in (0, 1):
            return kills
        wait_for(lambda pid=launcher.pid: not session(pid), 15)  # nothing of a campaign outlives its launcher
        launcher = launch(output, flags.workers)


def strike(launcher: subprocess.Popen, victim: str, moments: random.Random) -> int:
    """Kill one process of a campaign; 0 if there is none of that kind at this moment."""
    if victim == "launcher":
        kill(launcher.pid, signal.SIGTERM if moments.random() < SIGTERM_SHARE else signal.SIGKILL)
        launcher.wait()
        return 1
    server = fork_server_of(launcher.pid)
    candidates = workers_of(launcher.pid) if victim == "worker" else [server] if server else []
    if not candidates:
        return 0
    kill(moments.choice(candidates))
    return 1


def compare(results: Path, undisturbed: Path) -> Counter:
    """What is wrong with a campaign, by kind; empty where it is as if nobody had disturbed it."""
    expected, found = run_files(undisturbed), run_files(results)
    failed = list((results / "failures").glob("*.txt"))
    left = [path for path in results.rglob("*") if LEFTOVER.fullmatch(path.name)]
    left += [path for name in ("partial", "deaths", "claims") for path in (results / name).glob("[!.]*")]
    tables = (
        [] if failed else [name for name, text in csv_files(undisturbed).items() if csv_files(results)[name] != text]
    )
    differing = [name for name, run in found.items() if run != expected[name]]
    lost = expected.keys() - found.keys() - {path.stem for path in failed}
    counts = dict(zip(WRONG, map(len, (lost, differing, tables, failed, left)), strict=True))
    return Counter({what: count for what, count in counts.items() if count})


if __name__ == "__main__":
    sys.exit(main())
