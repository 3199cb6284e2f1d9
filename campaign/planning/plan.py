"""What a campaign will take: runs, time, memory."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from campaign.machine import memory
from campaign.machine.cores import usable_cores
from campaign.planning.costs import Costs, path
from nnet.config import TrainConfig

if TYPE_CHECKING:
    from campaign.planning.survey import Campaign

COLUMNS = ("architecture", "activation", "regime", "batch_size", "precision", "corrupted", "runs", "run_s", "memory_mb")


def make(campaign: "Campaign", memory_check: bool = True) -> dict:
    """The plan of a campaign, JSON-able: seconds of a worker, memory in MB.

    With `memory_check` fewer workers are planned if the memory of this machine would not suffice, as in a launch; not
    so if there are more workers than cores here, because then the plan is for another machine. Raises ConfigError if a
    run cannot be set up, and RuntimeError with the traceback of the worker if trying it fails.
    """
    cores, costs = usable_cores(), campaign.measure()
    if costs.failures:
        raise RuntimeError(f"a run that was tried failed:\n{costs.failures[0].traceback}")
    seconds = {config.run_id: costs.seconds(config) for config in campaign.pending}
    order = sorted(campaign.pending, key=lambda config: seconds[config.run_id], reverse=True)
    workers = campaign.workers
    if memory_check and workers <= cores and not campaign.elsewhere:
        workers = memory.fitting_workers([costs.memory_mb(config) for config in order], workers, memory.free_mb())
    failed = sum(config.run_id not in seconds for config in campaign.failures())
    return {
        "runs": len(campaign.configs),
        "finished": len(campaign.configs) - failed - len(order),
        "failed": failed,
        "to_do": len(order),
        "workers": workers,
        "cores_of_this_machine": cores,
        "cpu_hours": sum(seconds[config.run_id] * config.cpu_threads for config in order) / 3600,
        "wall_hours": makespan(seconds.values(), workers) / 3600,
        "longest_run_s": max(seconds.values(), default=0.0),
        "longest_run": order[0].run_id if order else None,
        "memory_mb": memory_mb(costs, order, workers),
        "kinds": _rows(order, costs),
        "pending": [{"run_id": config.run_id, "seconds": seconds[config.run_id]} for config in order],
        "notes": costs.notes,
        "costs": str(path(campaign.at_once)),
    }


def memory_mb(costs: Costs, runs: Sequence[TrainConfig], workers: int) -> float:
    """Memory of `workers` workers that do the largest of these runs at the same time."""
    needs = sorted(map(costs.memory_mb, runs), reverse=True)
    return costs.shared_mb + sum(memory.with_margin(need) for need in needs[:workers])


def makespan(seconds: Iterable[float], workers: int) -> float:
    """Seconds until the last run ends, if each free worker takes the longest run that is left."""
    free = [0.0] * workers
    for run in sorted(seconds, reverse=True):
        heapq.heapreplace(free, free[0] + run)
    return max(free)


def pace(estimates: dict[str, float], taken: dict[str, float]) -> float:
    """How many times as long as estimated the finished runs took, by run_id; 1 before any has finished."""
    both = [run_id for run_id in taken if estimates.get(run_id, 0.0) > 0]
    return sum(taken[run_id] for run_id in both) / sum(estimates[run_id] for run_id in both) if both else 1.0


def _rows(order: Sequence[TrainConfig], costs: Costs) -> list[dict]:
    rows, counts = {}, Counter(map(_row_of, order))
    for config in order:  # the longest run of a row is the first
        values = (*_row_of(config), counts[_row_of(config)], costs.seconds(config), costs.memory_mb(config))
        rows.setdefault(_row_of(config), dict(zip(COLUMNS, values, strict=True)))
    return list(rows.values())


def _row_of(config: TrainConfig) -> tuple:
    return config.arch, config.activation, config.regime, config.batch_size, config.precision, config.p > 0
