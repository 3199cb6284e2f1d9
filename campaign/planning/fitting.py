"""As many workers as this machine has memory, open files and processes for."""

from typing import TYPE_CHECKING

from campaign.machine import budget, memory

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign


def fit(campaign: "Campaign", memory_check: bool) -> None:
    """Lower the workers of a campaign on this machine to what its limits allow, and note why."""
    threads = max((config.cpu_threads for config in campaign.pending), default=1)
    fitting, limit = budget.fitting_workers(campaign.workers, threads)
    if fitting < campaign.workers:
        campaign.notes.append(f"{limit} suffice for {fitting} of {campaign.workers} workers, so no more are started")
        campaign.workers = fitting
    if memory_check:
        _fit_into_memory(campaign)


def _fit_into_memory(campaign: "Campaign") -> None:
    needs = list(map(campaign.costs.memory_mb, campaign.pending))
    free = memory.free_mb()
    fitting = memory.fitting_workers(needs, campaign.workers, free)
    if fitting < campaign.workers:
        campaign.notes.append(
            f"{free:.0f} MB of memory are free and a run takes up to {max(needs):.0f} MB, so {fitting} of "
            f"{campaign.workers} workers are started; --no-memory-check starts them all"
        )
        campaign.workers = fitting
