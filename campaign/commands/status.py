"""`--status`: how far a campaign is, read from its folders, from any machine and without writing anything."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean

from campaign.machine.console import clear_terminal, duration, nobody_reads, one_line, say
from campaign.planning import changed, work
from campaign.planning.pace import Far, Planned, far, pace, total
from campaign.planning.wall_time import makespan
from campaign.store import run_file
from campaign.store.folder import Store
from nnet.config import TrainConfig

LISTED = 20
EVERY_S = 5.0
"""Seconds between two looks of `--watch`."""


def show(configs: Sequence[TrainConfig], output_dir: str | Path, as_json: bool) -> int:
    """Print how many runs are done, which are running and which have failed, as text or as JSON. Returns 0."""
    status = read(configs, output_dir)
    say(json.dumps(status, indent=1) if as_json else as_text(status))
    return 0


def watch(configs: Sequence[TrainConfig], output_dir: str | Path) -> int:
    """Print the status again and again: on a terminal in place, elsewhere whenever it has changed.

    Returns 0 when no run is left to do, at Ctrl-C, and when nobody reads any more.
    """
    shown = ""
    try:
        while not nobody_reads():
            status = read(configs, output_dir)
            if (text := as_text(status)) != shown:
                shown = text
                clear_terminal()
                say(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {text}\n")
            if not status["running"] and not status["pending"]:
                break
            time.sleep(EVERY_S)
    except KeyboardInterrupt:
        pass  # the way in which one ends it
    return 0


def read(configs: Sequence[TrainConfig], output_dir: str | Path) -> dict:
    """How far these runs are, JSON-able: times are Unix times, `left_s` seconds or None if unknown."""
    stores = {name: Store(Path(output_dir) / name) for name in {config.dataset_name for config in configs}}
    seen, answers = {name: store.outlines() for name, store in stores.items()}, work.Answers()
    runs = {}
    for run_id, requests in work.requests_of(configs).items():
        store = stores[requests[0].dataset_name]
        known = work.checked(store, requests[0], seen[requests[0].dataset_name].get(run_id))
        runs[run_id] = _Run(requests, store, known, answers.left(requests, known), far(answers, requests, known))
    with_failure = {run_id for store in stores.values() for run_id in store.failed()}
    claims = {run_id: owner for store in stores.values() for run_id, owner in store.claims.living().items()}
    finished = [run_id for run_id, run in runs.items() if not run.left]
    running = [run.under_way(claims[run_id], answers) for run_id, run in runs.items() if run_id in claims and run.left]
    under_way = {run["run_id"] for run in running}
    failed = [
        {"run_id": run_id, "why": run.store.failure(run_id), "file": str(run.store.failure_file(run_id))}
        for run_id, run in runs.items()
        if run.left and run_id in with_failure - under_way
    ]
    pending = runs.keys() - {*finished, *under_way, *(run["run_id"] for run in failed)}
    now = {run["run_id"]: Far(*run["far"]) for run in running}
    return {
        "runs": len(runs),
        "trained": sum(run.known is not None for run in runs.values()),
        "finished": len(finished),
        **total(now.get(run_id, run.far) for run_id, run in runs.items())._asdict(),
        "running": sorted(running, key=lambda run: run["since"] or 0),
        "failed": failed,
        "pending": len(pending),
        "to_measure": sum(runs[run_id].known is not None for run_id in pending),
        "left_s": _seconds_left(*_planned(stores, runs, finished), running, pending),
        "notes": changed.notes_on((run.requests, run.known) for run in runs.values()),
    }


@dataclass(frozen=True)
class _Run:
    """What is known of one run, and what of the requests is left to do."""

    requests: work.Requests
    store: Store
    known: dict | None
    left: work.Requests
    far: Far

    def under_way(self, owner: dict, answers: work.Answers) -> dict:
        """Who works on it since when, and how far it is; `owner`: as in its claim."""
        config, beat = self.requests[0], self.store.beat(self.requests[0].run_id)
        about = {"run_id": config.run_id} | {name: owner.get(name) for name in ("host", "pid", "since")}
        about |= {"epoch": self.store.epoch(config.run_id), "epochs": config.epochs, "beat": beat}
        about |= {"far": far(answers, self.requests, self.known, beat)}
        return about | {"work": "train" if self.known is None else "measure"}


def _planned(
    stores: dict[str, Store], runs: dict[str, _Run], finished: list[str]
) -> tuple[dict[str, Planned], dict[str, float]]:
    """What the latest launch has planned for these runs, and the seconds that finished ones of them took since."""
    planned, spent = {}, {}
    for store in stores.values():
        seconds, training, spent_before = store.estimates()
        spent |= spent_before
        for run_id in seconds.keys() & runs.keys():
            training_s = min(seconds[run_id], training.get(run_id, 0.0))
            begun = runs[run_id].far if runs[run_id].left else Far(0, 0, 0, 0)
            planned[run_id] = Planned.of((training_s, seconds[run_id] - training_s), begun)
    taken = {run_id: run_file.seconds(runs[run_id].known) - spent.get(run_id, 0.0) for run_id in finished}
    return planned, taken


def _seconds_left(
    planned: dict[str, Planned], taken: dict[str, float], running: list[dict], pending: set[str]
) -> float | None:
    """Seconds until the last run ends if as many work as now; None if none works, or nothing was estimated."""
    planned = {run_id: run for run_id, run in planned.items() if run.seconds > 0}
    if not running or not planned:
        return None if running or pending else 0.0
    usual, now = Planned(0.0, fmean(run.seconds for run in planned.values()), 0, 0), time.time()
    pairs = [(planned[run_id].seconds, seconds) for run_id, seconds in taken.items() if run_id in planned]
    pairs += [planned[run["run_id"]].lately(run["beat"]) for run in running if run["run_id"] in planned]
    speed, left = pace(pairs), []
    for run in running:
        its = planned.get(run["run_id"], usual)
        done_s = its.done_s(run["beat"])
        for_s = 0.0 if done_s or run["since"] is None else max(0.0, now - run["since"])
        left.append(max(0.0, speed * (its.seconds - done_s) - for_s))
    waiting = [speed * planned.get(run_id, usual).seconds for run_id in pending]
    return makespan(left + waiting, len(running))


def as_text(status: dict) -> str:
    """The status as a table."""
    counts = {"finished": status["finished"], "running": len(status["running"]), "failed": len(status["failed"])}
    line = ", ".join(f"{number} {word}" for word, number in (counts | {"pending": status["pending"]}).items())
    line += f" ({status['to_measure']} of them only to be measured)" if status["to_measure"] else ""
    lines = [f"{status['runs']} runs: {line}", f"{Far(*(status[name] for name in Far._fields))}"]
    if status["running"]:
        rows = [("running", "where", "since", "now", "epoch kept")] + [_row(run) for run in status["running"][:LISTED]]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        lines += ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)]
        lines += _more(status["running"])
    if status["failed"]:
        lines += [
            "",
            *(f"failed: {run['run_id']}: {run['why']}; see {run['file']}" for run in status["failed"][:LISTED]),
        ]
        lines += _more(status["failed"])
    if status["left_s"] is not None and (status["running"] or status["pending"]):
        lines += ["", f"time left: about {duration(status['left_s'])}, with {len(status['running'])} at a time"]
    elif status["running"]:
        lines += ["", "time left: unknown, no launch has estimated it"]
    elif status["pending"]:
        lines += ["", "no launcher works on them; one that has just been started measures first what they cost"]
    if status["notes"]:
        lines += ["", *(f"note: {note}" for note in status["notes"])]
    return "\n".join(lines)


def _row(run: dict) -> tuple[str, str, str, str, str]:
    where = one_line(f"{run['host']}, process {run['pid']}") if run["host"] else "a launcher that is starting"
    since = "" if run["since"] is None else (
        f"{datetime.fromtimestamp(run['since']):%Y-%m-%d %H:%M:%S} ({duration(time.time() - run['since'])})"
    )  # fmt: skip
    far, epoch = Far(*run["far"]), "none yet" if run["epoch"] is None else str(run["epoch"])
    trains = run["work"] == "train" and far.epochs < far.all_epochs
    now = f"epoch {far.epochs}/{far.all_epochs}" if trains else f"point {far.points}/{far.all_points}"
    kept = "measuring" if run["work"] == "measure" else f"{epoch} of {run['epochs']}"
    return run["run_id"], where, since, now, kept


def _more(runs: list) -> list[str]:
    return [f"… and {len(runs) - LISTED} more"] if len(runs) > LISTED else []
