"""What a person should know before a campaign starts: notes, one sentence each."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from campaign.engines import base
from campaign.machine.cores import usable_cores
from nnet import registry
from nnet.config import TrainConfig
from nnet.record.provenance import commit

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign

LISTED = 10


def idle_cores(campaign: "Campaign") -> list[str]:
    """A note if some cores will be idle and more threads per run would use them."""
    runs = len(campaign.pending)
    if not runs or registry.constant(base.ENGINES, campaign.engine, "WORKERS") is not None:
        return []
    now = campaign.pending[0].cpu_threads
    if now == "auto":
        return []
    cores = min(campaign.workers * now, usable_cores())
    return [] if cores // runs <= now else [
        f"{runs} run(s) cannot use all {cores} cores; --cpu-threads auto lets long runs use more of them, and may "
        "change the last bits of results"
    ]  # fmt: skip


def left_out(runs: Sequence[TrainConfig]) -> list[str]:
    """A note that names the runs that a launch which trains nothing leaves out."""
    names = [config.run_id for config in runs]
    further = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    listed = f"{', '.join(names[:LISTED])}{further}"
    return [f"{len(names)} run(s) would have to be trained and are left out: {listed}"] if names else []


def spared(config: TrainConfig, names: Sequence[str]) -> list[str]:
    """A note that names the tensors of two or more dimensions that weight noise leaves as they are."""
    further = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    listed = f"{', '.join(names[:LISTED])}{further}"
    return [f"weight noise never changes these tensors of {config.arch}: {listed}"] if names else []


def resized_twice(campaign: "Campaign") -> list[str]:
    """A note if images are resized before a network that resizes them to a size of its own."""
    twice = {
        (config.arch, config.image_size)
        for config in campaign.pending
        if config.image_size is not None and registry.constant("architectures", config.arch, "RESIZES", False)
    }
    return [
        f"images are resized to {size}×{size} pixels, then by {arch} to its own size; --image-size none leaves out the "
        "first step"
        for arch, size in sorted(twice)
    ]


def unwatched(campaign: "Campaign") -> list[str]:
    """A note if a regime that uses validation images has none."""
    blind = {config.regime for config in campaign.pending if config.validation_share == 0 and _watches(config)}
    return [
        f"{name} runs without validation images here, and sees no plateau of their loss and no overfitting; "
        "--validation-share 0.1 holds some back"
        for name in sorted(blind)
    ]


def _watches(config: TrainConfig) -> bool:
    """Whether a run would use validation images: its regime's file says with which options."""
    watching = registry.constant("regimes", config.regime, "WATCHES_VALIDATION")
    if watching is None:
        return False
    options = config.all_options()[config.regime]
    return all(options[name] in values for name, values in watching.items())


def other_machines(campaign: "Campaign") -> list[str]:
    """A note for each difference in code, libraries or machine between finished runs and those to do."""
    threads = {config.threads for config in campaign.pending}
    here = campaign.costs.machine | commit() | {"threads": min(threads, default=1)}
    runs = campaign.state().known
    before = [run["provenance"] for run in runs.values() if run is not None]
    if not any(runs[config.run_id] is None for config in campaign.pending):
        return []  # nothing new is trained
    notes = []
    for name, now in here.items():
        same = threads if name == "threads" else {now}
        others = Counter(str(made.get(name)) for made in before if made.get(name, now) not in same)
        if others:
            notes.append(
                f"{others.total()} trained runs were made with {name} {' or '.join(sorted(others))}, the others will "
                f"be with {now}: the same configuration may give other last bits"
            )
    return notes
