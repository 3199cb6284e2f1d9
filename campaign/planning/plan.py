"""What a campaign will take, before it is launched: runs, time, memory."""

import heapq
import json
from collections import Counter
from collections.abc import Sequence

from campaign.machine import memory
from campaign.machine.cores import usable_cores
from campaign.planning import survey
from campaign.planning.calibration import Calibrations, calibrated, path
from campaign.running.progress import duration, say
from nnet.config import TrainConfig
from nnet.record.cost import kind_of

COLUMNS = ("architecture", "activation", "regime", "batch_size", "precision", "corrupted", "runs", "run_s", "memory_mb")


def show(campaign: survey.Campaign, memory_check: bool, as_json: bool) -> int:
    """Print the plan of a surveyed campaign, as a table or as JSON; no run is started, no result written. Returns 0.

    Raises ValueError, in one sentence, where a run cannot be set up.
    """
    made = make(campaign, memory_check)
    say(json.dumps(made, indent=1) if as_json else as_text(made))
    return 0


def make(campaign: survey.Campaign, memory_check: bool = True) -> dict:
    """The plan of a campaign, JSON-able: seconds of a worker with a core of its own, memory in MB.

    With `memory_check` fewer workers are planned where the memory of this machine would not suffice, as a launch here
    would start fewer; not so where more workers are asked for than this machine has cores: that plan is for another.
    """
    cores, known = usable_cores(), known_costs(campaign)
    seconds = {config.run_id: known.of(config).cost.seconds(config) for config in campaign.pending}
    order = sorted(campaign.pending, key=lambda config: seconds[config.run_id], reverse=True)
    workers = campaign.workers
    if memory_check and workers <= cores and not campaign.elsewhere:
        needs = [known.of(config).memory_mb for config in order]
        workers = memory.fitting_workers(needs, workers, memory.free_mb())
    before = known.starting_s + sum(known.kinds[kind].trying_s for kind in set(map(kind_of, order)))
    wall = before + makespan([seconds[config.run_id] for config in order], workers) if order else 0.0
    failed = sum(config.run_id not in seconds for config in campaign.failures())
    return {
        "runs": len(campaign.configs),
        "finished": len(campaign.configs) - failed - len(order),
        "failed": failed,
        "to_do": len(order),
        "workers": workers,
        "cores_of_this_machine": cores,
        "cpu_hours": sum(seconds[config.run_id] * config.cpu_threads for config in order) / 3600,
        "wall_hours": wall / 3600,
        "longest_run_s": max(seconds.values(), default=0.0),
        "longest_run": order[0].run_id if order else None,
        "memory_mb": memory_mb(known, order, workers),
        "kinds": _rows(order, known, seconds),
        "pending": [{"run_id": config.run_id, "seconds": seconds[config.run_id]} for config in order],
        "calibrations": str(path(_at_once(campaign))),
    }


def known_costs(campaign: survey.Campaign) -> Calibrations:
    """What the kinds of runs of a campaign cost on this machine, measured now where that is not known yet."""
    return calibrated(campaign.pending, campaign.try_run, _at_once(campaign))


def memory_mb(known: Calibrations, runs: Sequence[TrainConfig], workers: int) -> float:
    """What so many workers take together that do the largest of these runs at the same time."""
    needs = sorted((known.of(config).memory_mb for config in runs), reverse=True)
    return known.shared_mb + sum(memory.with_margin(need) for need in needs[:workers])


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Seconds until the last run ends, where each free worker takes the next run of the list."""
    free = [0.0] * workers
    for run in seconds:
        heapq.heapreplace(free, free[0] + run)
    return max(free)


def _at_once(campaign: survey.Campaign) -> int:
    return max(1, min(campaign.workers, usable_cores(), len(campaign.pending)))


def _rows(order: Sequence[TrainConfig], known: Calibrations, seconds: dict[str, float]) -> list[dict]:
    rows, counts = {}, Counter(map(_row_of, order))
    for config in order:  # the longest run of a row is the first
        values = (*_row_of(config), counts[_row_of(config)], seconds[config.run_id], known.of(config).memory_mb)
        rows.setdefault(_row_of(config), dict(zip(COLUMNS, values, strict=True)))
    return list(rows.values())


def _row_of(config: TrainConfig) -> tuple:
    return config.arch, config.activation, config.regime, config.batch_size, config.precision, config.p > 0


def as_text(plan: dict) -> str:
    """The plan as a table."""
    failed = f", {plan['failed']} failed (--retry-failed tries them again)" if plan["failed"] else ""
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
    lines.append(f"calibrations {plan['calibrations']} (delete it to measure again)")
    return "\n".join(lines)
