"""What a campaign will take, before it is launched: runs, time, memory."""

import heapq
import json
from collections import Counter
from collections.abc import Sequence

from campaign import check
from campaign.calibration import Calibration, calibrations
from campaign.machine import usable_cores
from campaign.memory import MARGIN, SPARE_MB
from campaign.progress import duration
from campaign.settings import Settings
from nnet import registry
from nnet.config import TrainConfig
from nnet.cost import kind_of

COLUMNS = ("architecture", "activation", "regime", "batch_size", "precision", "corrupted", "runs", "run_s", "memory_mb")


def show(configs: Sequence[TrainConfig], settings: Settings, as_json: bool) -> int:
    """Print the plan of these runs, as a table or as JSON; no run is started and no result written. Returns 0.

    Raises ValueError, in one sentence, for anything that would make the campaign impossible.
    """
    campaign = check.survey(configs, settings.output_dir, settings.engine, settings.max_workers, settings.run_timeout_s)
    made = make(campaign)
    print(json.dumps(made, indent=1) if as_json else as_text(made))
    return 0


def make(campaign: check.Campaign) -> dict:
    """The plan of a campaign, JSON-able: seconds of a worker with a core of its own, memory in MB."""
    engine = registry.load(check.ENGINES, campaign.engine).run
    cores = usable_cores()
    at_once = max(1, min(campaign.workers, cores, len(campaign.pending)))
    known = calibrations(campaign.pending, engine, at_once)
    kinds = {config.run_id: known[kind_of(config)] for config in campaign.pending}
    seconds = {config.run_id: kinds[config.run_id].cost.seconds(config) for config in campaign.pending}
    order = sorted(campaign.pending, key=lambda config: seconds[config.run_id], reverse=True)
    threads = {config.run_id: config.cpu_threads for config in campaign.pending}
    needs = sorted((kind.memory_mb for kind in kinds.values()), reverse=True)[: campaign.workers]
    first = [known[kind] for kind in dict.fromkeys(map(kind_of, order))]
    failed = sum(len(store.failed()) for store in campaign.stores.values())
    return {
        "runs": len(campaign.configs),
        "finished": campaign.finished(),
        "failed_before": failed,
        "to_do": len(order),
        "workers": campaign.workers,
        "cores_of_this_machine": cores,
        "cpu_hours": sum(seconds[name] * threads[name] for name in seconds) / 3600,
        "wall_hours": (_before_first_run(first) + makespan([seconds[c.run_id] for c in order], campaign.workers))
        / 3600,
        "longest_run_s": max(seconds.values(), default=0.0),
        "longest_run": order[0].run_id if order else None,
        "memory_mb": sum(MARGIN * need + SPARE_MB for need in needs) + max([k.shared_mb for k in first], default=0.0),
        "kinds": _rows(order, kinds, seconds),
        "pending": [{"run_id": config.run_id, "seconds": seconds[config.run_id]} for config in order],
    }


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Seconds until the last run ends, where each free worker takes the next run of the list."""
    free = [0.0] * workers
    for run in seconds:
        heapq.heapreplace(free, free[0] + run)
    return max(free)


def _before_first_run(kinds: Sequence[Calibration]) -> float:
    """A launch starts the process from which workers are forked and tries two steps of each kind of run."""
    return max((kind.starting_s for kind in kinds), default=0.0) + sum(
        2 * (kind.cost.setting_up_s + kind.cost.step_s) for kind in kinds
    )


def _rows(order: Sequence[TrainConfig], kinds: dict[str, Calibration], seconds: dict[str, float]) -> list[dict]:
    rows, counts = {}, Counter(map(_row_of, order))
    for config in order:  # the longest run of a row is the first
        values = (*_row_of(config), counts[_row_of(config)], seconds[config.run_id], kinds[config.run_id].memory_mb)
        rows.setdefault(_row_of(config), dict(zip(COLUMNS, values, strict=True)))
    return list(rows.values())


def _row_of(config: TrainConfig) -> tuple:
    return config.arch, config.activation, config.regime, config.batch_size, config.precision, config.p > 0


def as_text(plan: dict) -> str:
    """The plan as a table."""
    failed = f", {plan['failed_before']} failed before" if plan["failed_before"] else ""
    lines = [f"{plan['runs']} runs: {plan['finished']} finished{failed}, {plan['to_do']} to do"]
    if not plan["to_do"]:
        return lines[0]
    titles = dict(zip(COLUMNS, (*COLUMNS[:3], "batch", "precision", "p", "runs", "s/run", "MB"), strict=True))
    shown = [titles] + [
        row | {"corrupted": "> 0" if row["corrupted"] else "0", "run_s": f"{row['run_s']:.1f}"}
        | {"memory_mb": f"{row['memory_mb']:.0f}"}
        for row in plan["kinds"]
    ]  # fmt: skip
    widths = {name: max(len(str(row[name])) for row in shown) for name in COLUMNS}
    lines += ["", *("  ".join(f"{row[name]!s:>{widths[name]}}" for name in COLUMNS) for row in shown), ""]
    lines += [
        f"CPU time     {plan['cpu_hours']:.2f} h",
        f"wall time    {plan['wall_hours']:.2f} h ({duration(3600 * plan['wall_hours'])}) on {plan['workers']} workers",
        f"longest run  {duration(plan['longest_run_s'])}, {plan['longest_run']}",
        f"memory       {plan['memory_mb'] / 1024:.1f} GB at most",
    ]
    if plan["workers"] > plan["cores_of_this_machine"]:
        lines.append(
            f"note: this machine has {plan['cores_of_this_machine']} usable cores; the wall time is that of one where "
            "each worker has a core like these"
        )
    return "\n".join(lines)
