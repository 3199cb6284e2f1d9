"""How a campaign stands, read from its folders: from any machine, while it grows, and without writing anything."""

import json
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import fmean

from campaign.planning.plan import makespan
from campaign.running.progress import duration, say
from campaign.store.folder import Store
from nnet.config import TrainConfig

LISTED = 20


def show(configs: Sequence[TrainConfig], output_dir: str | Path, as_json: bool) -> int:
    """Print how many runs are done, which are running and which have failed, as text or as JSON. Returns 0."""
    found = read(configs, output_dir)
    say(json.dumps(found, indent=1) if as_json else as_text(found))
    return 0


def read(configs: Sequence[TrainConfig], output_dir: str | Path) -> dict:
    """How these runs stand, JSON-able: times are Unix times, `left_s` seconds or None where nothing tells."""
    configs = {config.run_id: config for config in configs}
    stores = {name: Store(Path(output_dir) / name) for name in {config.dataset_name for config in configs.values()}}
    done = {run_id: result for store in stores.values() for run_id, result in store.results().items()}
    claims = {run_id: owner for store in stores.values() for run_id, owner in store.claims.living().items()}
    finished = [run_id for run_id in configs if run_id in done]
    running = [
        {"run_id": run_id, "host": claims[run_id].get("host"), "pid": claims[run_id].get("pid")}
        | {"since": claims[run_id].get("since"), "epoch": stores[config.dataset_name].epoch(run_id)}
        | {"epochs": config.epochs}
        for run_id, config in configs.items()
        if run_id in claims and run_id not in done
    ]
    under_way = {run["run_id"] for run in running}
    failed = [
        {"run_id": run_id, "why": why, "file": str(stores[config.dataset_name].failure_file(run_id))}
        for run_id, config in configs.items()
        if run_id not in done and run_id not in under_way
        and (why := stores[config.dataset_name].failure(run_id)) is not None
    ]  # fmt: skip
    pending = configs.keys() - {*finished, *under_way, *(run["run_id"] for run in failed)}
    taken = {run_id: done[run_id]["train_seconds"] + done[run_id]["sweep_seconds"] for run_id in finished}
    return {
        "runs": len(configs),
        "finished": len(finished),
        "running": sorted(running, key=lambda run: run["since"] or 0),
        "failed": failed,
        "pending": len(pending),
        "left_s": _seconds_left(configs, taken, running, pending),
    }


def _seconds_left(
    configs: dict[str, TrainConfig], taken: dict[str, float], running: list[dict], pending: set[str]
) -> float | None:
    """Seconds until the last run ends if as many work on as now; None where none works, or none has finished yet."""
    if not running or not taken:
        return None if running or pending else 0.0
    alike: dict[str, list[float]] = {}
    for run_id, seconds in taken.items():
        alike.setdefault(_kind(configs[run_id]), []).append(seconds)
    usual = fmean(taken.values())
    expected = {run_id: fmean(alike.get(_kind(config), [usual])) for run_id, config in configs.items()}
    now = time.time()
    begun = [max(0.0, expected[run["run_id"]] - (now - (run["since"] or now))) for run in running]
    waiting = sorted((expected[run_id] for run_id in pending), reverse=True)
    return makespan(sorted(begun, reverse=True) + waiting, len(running))


def _kind(config: TrainConfig) -> str:
    science = config.science()
    del science["seed"]
    return json.dumps(science, sort_keys=True)


def as_text(found: dict) -> str:
    """The status as a table."""
    counts = {"finished": found["finished"], "running": len(found["running"]), "failed": len(found["failed"])}
    line = ", ".join(f"{number} {word}" for word, number in (counts | {"pending": found["pending"]}).items())
    lines = [f"{found['runs']} runs: {line}"]
    if found["running"]:
        rows = [("running", "where", "since", "epoch kept")] + [_row(run) for run in found["running"][:LISTED]]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines += ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)]
        lines += _more(found["running"])
    if found["failed"]:
        lines += [
            "",
            *(f"failed: {run['run_id']}: {run['why']}; see {run['file']}" for run in found["failed"][:LISTED]),
        ]
        lines += _more(found["failed"])
    if found["running"] or found["pending"]:
        unknown = "time left: unknown until a run has finished" if found["running"] else "nothing is at work on them"
        left = f"time left: about {duration(found['left_s'] or 0)}, with {len(found['running'])} at work as now"
        lines += ["", unknown if found["left_s"] is None else left]
    return "\n".join(lines)


def _row(run: dict) -> tuple[str, str, str, str]:
    where = f"{run['host']}, process {run['pid']}" if run["host"] else "a launcher that is just starting"
    since = "" if run["since"] is None else (
        f"{datetime.fromtimestamp(run['since']):%Y-%m-%d %H:%M:%S} ({duration(time.time() - run['since'])})"
    )  # fmt: skip
    epoch = "none yet" if run["epoch"] is None else str(run["epoch"])
    return run["run_id"], where, since, f"{epoch} of {run['epochs']}"


def _more(runs: list) -> list[str]:
    return [f"… and {len(runs) - LISTED} more"] if len(runs) > LISTED else []
