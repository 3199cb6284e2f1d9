"""As many workers as this machine has memory, open files and processes for."""

from typing import TYPE_CHECKING

from campaign.machine import budget, memory

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign


def fitting_workers(campaign: "Campaign", memory_check: bool) -> tuple[int, list[str]]:
    """How many workers of a campaign this machine has room for, at least 1, and a note on each limit that is met."""
    workers, notes = campaign.workers, []
    threads = max((config.threads for config in campaign.pending), default=1)
    fitting, limit = budget.fitting_workers(workers, threads)
    if fitting < workers:
        notes.append(f"{limit} suffice for {fitting} of {workers} workers, so no more are started")
        workers = fitting
    if memory_check:
        needs = list(map(campaign.costs.memory_mb, campaign.pending))
        free = memory.free_mb()
        fitting = memory.fitting_workers(needs, workers, free)
        if fitting < workers:
            notes.append(
                f"{free:.0f} MB of memory are free and a run takes up to {max(needs):.0f} MB, so {fitting} of "
                f"{workers} workers are started; --no-memory-check starts them all"
            )
            workers = fitting
    return workers, notes
