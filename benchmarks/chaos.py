"""Kill and stop processes of a campaign that trains and measures at random, and count what was lost: nothing.

    python -m benchmarks.chaos [--kills 200] [--seeds 30] [--workers 2] [--every-s 2.5] [--seed 0]

Every few seconds, at random, one process of the campaign gets signal 9: a worker (16 of 20), the fork server
(1 of 20) or the launcher (3 of 20; one in four of these gets SIGTERM instead). One in five is stopped first, with
SIGSTOP, and killed or continued within three seconds. A launcher that has ended is started again, and now and then asks
for more: another strength, more draws, another evaluation, until it has asked for all.
At its end each campaign is compared with an undisturbed one that asked for everything at once, bit for bit except for
timings. Every computed point is counted: a kill may destroy the point that a worker was computing, and no other point
is computed twice. Takes about ten minutes on two cores.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from nnet.files.temporary import LEFTOVER
from tests.faults.launching import copy_project, csv_files, fork_server_of, kill, run_files, session, wait_for
from tests.faults.launching import workers_of as workers

CAMPAIGN = (
    "mlp_small --dataset digits --regimes clean noisy --alpha-train 0.2 --epochs 12 --epoch-checkpoint-s 0 "
    "--checkpoint-dir weights --output-dir results"
).split()
ASKED = (
    "--alpha-tests 0 0.5 --noise-samples 1",
    "--alpha-tests 0 0.1 0.5 --noise-samples 1",
    "--alpha-tests 0 0.1 0.5 --noise-samples 12",
    "--alpha-tests 0 0.1 0.5 --noise-samples 12 --evaluations random_corners",
    "--alpha-tests 0 0.1 0.5 --noise-samples 12 --evaluations quantization random_corners",
)
"""What a campaign asks for, one after the other."""
VICTIMS = {"worker": 16, "fork server": 1, "launcher": 3}
SIGTERM_SHARE, STOP_SHARE, GO_ON_SHARE, MORE_SHARE = 0.25, 0.2, 0.5, 0.3
STOPPED_S = 3.0
"""Seconds for which a process is stopped at most."""
END_S = 60
"""Seconds after which no process of a dead launcher is left, even while it imports on a busy machine."""
WRONG = (
    *("results lost", "results differing", "tables differing", "quarantined innocents", "files left behind"),
    "points computed twice",
)


def main() -> int:
    """Returns 0 if nothing was lost, differs, was given up, was left behind or was computed in vain, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="end after the campaign that reaches it, stops included")
    parser.add_argument("--seeds", type=int, default=30, help="seeds of each campaign, which has two runs for each")
    parser.add_argument("--workers", type=int, default=2, help="workers of each campaign")
    parser.add_argument("--every-s", type=float, default=2.5, help="mean seconds between two kills")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments and the victims")
    flags = parser.parse_args()
    moments, kills, found, campaigns, began = random.Random(flags.seed), Counter(), Counter(), 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        project = copy_project(Path(folder) / "project")
        undisturbed = Place(project, Path(folder) / "undisturbed", flags)
        assert undisturbed.launch(len(ASKED) - 1).wait() == 0
        while kills.total() < flags.kills:
            campaigns += 1
            place = Place(project, Path(folder) / str(campaigns), flags)
            struck = disturb(place, flags, moments)
            kills += struck
            found += compare(place, undisturbed, struck, flags.workers)
            print(
                f"campaign {campaigns}: {kills.total()} kills and stops so far {dict(kills)}, {dict(found)}", flush=True
            )
    print(f"{campaigns} campaigns of {2 * flags.seeds} runs, {time.monotonic() - began:.0f} s, seed {flags.seed}")
    listed = ", ".join(f"{count} {who}" for who, count in kills.most_common())
    print(f"kills and stops survived: {kills.total()} ({listed})")
    for what in WRONG:
        print(f"{what}: {found[what]}")
    return 1 if found.total() else 0


class Place:
    """The folder of one campaign."""

    def __init__(self, project: Path, folder: Path, flags: argparse.Namespace):
        self.project, self.folder, self.flags = project, folder, flags
        self.results, self.points = folder / "results/digits", folder / "points"
        folder.mkdir()

    def launch(self, asked: int) -> subprocess.Popen:
        """Start the campaign in a session of its own; `asked`: which of `ASKED` it asks for."""
        seeds = ["--seeds", *map(str, range(self.flags.seeds)), "--max-workers", str(self.flags.workers)]
        return subprocess.Popen(
            [sys.executable, str(self.project / "run_experiments.py"), *CAMPAIGN, *ASKED[asked].split(), *seeds],
            cwd=self.folder, env=os.environ | {"POINTS": str(self.points)}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def computed(self) -> Counter:
        """How often each point was computed."""
        return Counter(self.points.read_text().splitlines())


def disturb(place: Place, flags: argparse.Namespace, moments: random.Random) -> Counter:
    """One campaign, killed at random and started again until it has ended by itself with all asked; the kills."""
    kills: Counter = Counter()
    asked, last = 0, len(ASKED) - 1
    launcher = place.launch(asked)
    while True:
        try:
            launcher.wait(timeout=moments.uniform(0.2, 1.8) * flags.every_s)
        except subprocess.TimeoutExpired:
            victim = moments.choices([*VICTIMS], [*VICTIMS.values()])[0]
            kills.update(strike(launcher, victim, moments))
            continue
        ended = launcher.returncode in (0, 1)
        if ended and asked == last:
            return kills
        asked = min(last, asked + (ended or moments.random() < MORE_SHARE))
        wait_for(lambda pid=launcher.pid: not session(pid), END_S)  # nothing of a campaign outlives its launcher
        launcher = place.launch(asked)


def strike(launcher: subprocess.Popen, victim: str, moments: random.Random) -> list[str]:
    """Kill one process of a campaign, or stop it for a while; what was done, nothing if there is none of that kind."""
    server = fork_server_of(launcher.pid)
    candidates = {
        "launcher": [launcher.pid],
        "worker": workers(launcher.pid),
        "fork server": [server] if server else [],
    }
    if not candidates[victim]:
        return []
    pid = moments.choice(candidates[victim])
    if moments.random() < STOP_SHARE:
        kill(pid, signal.SIGSTOP)
        time.sleep(moments.uniform(0, STOPPED_S))
        if moments.random() < GO_ON_SHARE:
            kill(pid, signal.SIGCONT)
            return [f"{victim} stopped for a while"]
    gently = victim == "launcher" and moments.random() < SIGTERM_SHARE
    kill(pid, signal.SIGTERM if gently else signal.SIGKILL)
    if victim == "launcher":
        kill(pid, signal.SIGCONT)  # a stopped process would not get SIGTERM
        launcher.wait()
    return [victim]


def compare(place: Place, undisturbed: Place, kills: Counter, workers: int) -> Counter:
    """What is wrong with a campaign, by kind; empty where it is as if nobody had disturbed it."""
    results = place.results
    expected, found = run_files(undisturbed.results), run_files(results)
    failed = list((results / "failures").glob("*.txt"))
    left = [path for path in results.rglob("*") if LEFTOVER.fullmatch(path.name)]
    left += [path for name in ("partial", "deaths", "claims") for path in (results / name).glob("[!.]*")]
    complete = csv_files(undisturbed.results)
    tables = [] if failed else [name for name, text in complete.items() if csv_files(results)[name] != text]
    differing = [name for name, run in found.items() if run != expected[name]]
    lost = expected.keys() - found.keys() - {path.stem for path in failed}
    computed = place.computed()
    destroyed = kills["worker"] + workers * (kills["launcher"] + kills["fork server"])
    twice = max(0, computed.total() - len(computed) - destroyed)
    missed = undisturbed.computed().keys() ^ computed.keys()
    counts = [*map(len, (lost, differing, tables, failed, left)), twice + len(missed)]
    return Counter({what: count for what, count in zip(WRONG, counts, strict=True) if count})


if __name__ == "__main__":
    sys.exit(main())
