"""`--status`: how far a campaign is, read from its folders, from any machine and without writing anything."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean

from campaign.machine.console import duration, one_line, say
from campaign.planning import work
from campaign.planning.plan import pace
from campaign.planning.wall_time import makespan
from campaign.store import run_file
from campaign.store.folder import Store
from nnet.config import TrainConfig

LISTED = 20


def show(configs: Sequence[TrainConfig], output_dir: str | Path, as_json: bool) -> int:
    """Print how many runs are done, which are running and which have failed, as text or as JSON. Returns 0."""
    status = read(configs, output_dir)
    say(json.dumps(status, indent=1) if as_json else as_text(status))
    return 0


def read(configs: Sequence[TrainConfig], output_dir: str | Path) -> dict:
    """How far these runs are, JSON-able: times are Unix times, `left_s` seconds or None if unknown."""
    stores = {name: Store(Path(output_dir) / name) for name in {config.dataset_name for config in configs}}
    seen, answers = {name: store.outlines() for name, store in stores.items()}, work.Answers()
    runs = {}
    for run_id, (config, *further) in work.requests_of(configs).items():
        store = stores[config.dataset_name]
        known = work.checked(store, config, seen[config.dataset_name].get(run_id))
        runs[run_id] = _Run(config, store, known, answers.left([config, *further], known))
    with_failure = {run_id for store in stores.values() for run_id in store.failed()}
    claims = {run_id: owner for store in stores.values() for run_id, owner in store.claims.living().items()}
    finished = [run_id for run_id, run in runs.items() if not run.left]
    running = [run.under_way(claims[run_id]) for run_id, run in runs.items() if run_id in claims and run.left]
    under_way = {run["run_id"] for run in running}
    failed = [
        {"run_id": run_id, "why": run.store.failure(run_id), "file": str(run.store.failure_file(run_id))}
        for run_id, run in runs.items()
        if run.left and run_id in with_failure - under_way
    ]
    pending = runs.keys() - {*finished, *under_way, *(run["run_id"] for run in failed)}
    estimates, spent = {}, {}
    for store in stores.values():
        of_store = store.estimates()
        estimates, spent = estimates | of_store[0], spent | of_store[1]
    taken = {run_id: run_file.seconds(runs[run_id].known) - spent.get(run_id, 0.0) for run_id in finished}
    return {
        "runs": len(runs),
        "trained": sum(run.known is not None for run in runs.values()),
        "finished": len(finished),
        "running": sorted(running, key=lambda run: run["since"] or 0),
        "failed": failed,
        "pending": len(pending),
        "to_measure": sum(runs[run_id].known is not None for run_id in pending),
        "left_s": _seconds_left(estimates, taken, running, pending),
    }


@dataclass(frozen=True)
class _Run:
    """What is known of one run, and what of the requests is left to do."""

    config: TrainConfig
    store: Store
    known: dict | None
    left: work.Requests

    def under_way(self, owner: dict) -> dict:
        """Who works on it since when, and how far it is; `owner`: as in its claim."""
        about = {"run_id": self.config.run_id} | {name: owner.get(name) for name in ("host", "pid", "since")}
        about |= {"epoch": self.store.epoch(self.config.run_id), "epochs": self.config.epochs}
        return about | {"work": "train" if self.known is None else "measure"}


def _seconds_left(
    estimates: dict[str, float], taken: dict[str, float], running: list[dict], pending: set[str]
) -> float | None:
    """Seconds until the last run ends if as many work as now; None if none works, or nothing was estimated."""
    estimates = {run_id: seconds for run_id, seconds in estimates.items() if seconds > 0}
    if not running or not estimates:
        return None if running or pending else 0.0
    usual, now = fmean(estimates.values()), time.time()
    speed = pace(estimates, taken)
    begun = [
        speed * estimates.get(run["run_id"], usual) - max(0.0, now - (now if run["since"] is None else run["since"]))
        for run in running
    ]
    waiting = [speed * estimates.get(run_id, usual) for run_id in pending]
    return makespan([max(0.0, seconds) for seconds in begun] + waiting, len(running))


def as_text(status: dict) -> str:
    """The status as a table."""
    counts = {"finished": status["finished"], "running": len(status["running"]), "failed": len(status["failed"])}
    line = ", ".join(f"{number} {word}" for word, number in (counts | {"pending": status["pending"]}).items())
    line += f" ({status['to_measure']} of them only to be measured)" if status["to_measure"] else ""
    lines = [f"{status['runs']} runs: {line}"]
    if status["running"]:
        rows = [("running", "where", "since", "epoch kept")] + [_row(run) for run in status["running"][:LISTED]]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
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
        lines += ["", "no launcher works on them"]
    return "\n".join(lines)


def _row(run: dict) -> tuple[str, str, str, str]:
    where = one_line(f"{run['host']}, process {run['pid']}") if run["host"] else "a launcher that is starting"
    since = "" if run["since"] is None else (
        f"{datetime.fromtimestamp(run['since']):%Y-%m-%d %H:%M:%S} ({duration(time.time() - run['since'])})"
    )  # fmt: skip
    epoch = "none yet" if run["epoch"] is None else str(run["epoch"])
    kept = "measuring" if run["work"] == "measure" else f"{epoch} of {run['epochs']}"
    return run["run_id"], where, since, kept


def _more(runs: list) -> list[str]:
    return [f"… and {len(runs) - LISTED} more"] if len(runs) > LISTED else []
