"""What a campaign will take: runs, time, memory."""

import copy
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.machine import memory
from campaign.machine.console import duration
from campaign.machine.cores import usable_cores
from campaign.planning import changed, effect, notes, threads, weights, work
from campaign.planning.costs import Costs, path
from nnet.config import TrainConfig

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign

COLUMNS = (
    *("architecture", "activation", "regime", "batch_size", "precision", "corrupted", "threads"),
    *("runs", "run_s", "memory_mb"),
)


def make(campaign: "Campaign", memory_check: bool = True) -> dict:
    """The plan of a campaign, JSON-able: `counts`, seconds of a worker, memory and weights in MB.

    Fewer workers are planned if this machine has no room for all of them, as in a launch; not so if there are more
    workers than cores here, because then the plan is for another machine. `memory_check`: see `Launch`. Raises
    ConfigError if a run cannot be set up, and RuntimeError with the traceback of the worker if trying it fails.
    """
    cores, costs, file = usable_cores(), campaign.measure(), path(campaign.at_once)
    if costs.failures:
        raise RuntimeError(f"a run that was tried failed:\n{costs.failures[0].traceback}")
    campaign = copy.copy(campaign)  # which stays as it is
    met = threads.settle(campaign, memory_check, here=campaign.workers <= cores)
    seconds, workers, single_s = campaign.estimates(), campaign.workers, campaign.choice.single_wall_s
    order, wall_s = sorted(campaign.pending, key=threads.first(seconds)), campaign.wall_s(seconds)
    said = notes.left_out(campaign.left_out) + notes.resized_twice(campaign) + weights.notes(campaign)
    said += effect.notes(campaign) + changed.notes(campaign)
    return counts(campaign) | {
        "workers": workers,
        "cores_of_this_machine": cores,
        "cpu_hours": sum(seconds[config.run_id] * config.threads for config in order) / 3600,
        "wall_hours": wall_s / 3600,
        "wall_hours_one_thread": (wall_s if single_s is None else single_s) / 3600,
        "longest_run_s": max(seconds.values(), default=0.0),
        "longest_run": order[0].run_id if order else None,
        "memory_mb": memory_mb(costs, order, workers),
        "kinds": _rows(order, seconds, costs),
        "pending": [
            {"run_id": config.run_id, "seconds": seconds[config.run_id], "threads": config.threads} for config in order
        ],
        "weights": weights.kept(campaign),
        "notes": costs.notes + met + said,
        "costs": str(file),
    }


def counts(campaign: "Campaign") -> dict:
    """What was found of a surveyed campaign, JSON-able: numbers of runs, and of points to compute.

    `trained` runs have a run file, `finished` ones are measured as asked; those `to_do` are `to_train` or `to_measure`,
    `lacking` says in words what the latter lack; `refused` ones could not get the recorded weights here. Runs are
    `left_out` in a launch that trains nothing.
    """
    runs, left = campaign.state().known, campaign.state().left
    measured = [config for config in campaign.pending if runs[config.run_id] is not None]
    finished = campaign.finished()
    begun = {run_id for store in campaign.stores.values() for run_id in store.partly_done()}
    lacking = [(left[config.run_id], run) for config in measured if (run := runs[config.run_id]) is not None]
    missing = [campaign.answers.points_left(left[config.run_id], runs[config.run_id]) for config in campaign.pending]
    return {
        "runs": len(runs),
        "trained": sum(run is not None for run in runs.values()),
        "finished": finished,
        "failed": len(runs) - finished - len(campaign.pending) - len(campaign.left_out),
        "left_out": len(campaign.left_out),
        "to_do": len(campaign.pending),
        "to_train": len(campaign.pending) - len(measured),
        "to_measure": len(measured),
        "lacking": work.in_words(lacking),
        "partly_done": len(begun & {config.run_id for config in campaign.pending}),
        "points": sum(sum(points.values()) for points in missing),
        "refused": len(weights.refused(campaign)),
    }


def counted(counts: dict) -> str:
    """The numbers of runs in words: "40 runs: 40 trained, 40 to be measured at 1 new strength"."""
    words = [f"{counts['finished']} finished"] if counts["finished"] or not counts["to_measure"] else []
    if counts["to_measure"]:
        words = [f"{counts['trained']} trained", *words]
    if counts["failed"]:
        words.append(f"{counts['failed']} failed (--retry-failed tries them again)")
    if counts["left_out"]:
        words.append(f"{counts['left_out']} left out (--measure-only)")
    if counts["to_measure"]:
        words.append(f"{counts['to_measure']} to be measured {counts['lacking']}".rstrip())
    if counts["to_train"] or not counts["to_measure"]:
        words.append(
            f"{counts['to_train']} to do" if not counts["to_measure"] else f"{counts['to_train']} to be trained"
        )
    if counts["partly_done"]:
        words.append(f"{counts['partly_done']} of them partly done")
    return f"{counts['runs']} runs: {', '.join(words)}"


def found(campaign: "Campaign") -> str:
    """What is finished and what is to do, in one line, with the estimated time."""
    line = counted(counts(campaign))
    if not campaign.pending:
        return line
    wall = campaign.wall_s(campaign.estimates())
    share = f" in each of {campaign.shard.count} shards, this is {campaign.shard}" if campaign.shard else ""
    return f"{line} on {campaign.workers} worker(s){share}, about {duration(wall)}"


def memory_mb(costs: Costs, runs: Sequence[TrainConfig], workers: int) -> float:
    """Memory of `workers` workers that do the largest of these runs at the same time."""
    needs = sorted(map(costs.memory_mb, runs), reverse=True)
    return costs.shared_mb + sum(memory.with_margin(need) for need in needs[:workers])


def _rows(order: Sequence[TrainConfig], seconds: dict[str, float], costs: Costs) -> list[dict]:
    rows, numbers = {}, Counter(map(_row_of, order))
    for config in order:  # the longest run of a row is the first
        values = (*_row_of(config), numbers[_row_of(config)], seconds[config.run_id], costs.memory_mb(config))
        rows.setdefault(_row_of(config), dict(zip(COLUMNS, values, strict=True)))
    return list(rows.values())


def _row_of(config: TrainConfig) -> tuple:
    kind = config.arch, config.activation, config.regime, config.batch_size, config.precision, config.p > 0
    return *kind, config.threads
