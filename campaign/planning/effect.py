"""Notes on settings that have no effect, although they make another run or another measurement."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from campaign.engines import base
from campaign.grid import values
from campaign.machine.cores import usable_cores
from campaign.planning.cost import kind_of
from nnet import options as by_owner
from nnet import registry
from nnet.config import TrainConfig

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign

COMPARED = [name for name in values.SCIENCE if name != "seed"] + ["options"]
"""The settings on which these notes depend."""


def notes(campaign: "Campaign") -> list[str]:
    """A note for each setting of the runs to do that has no effect."""
    distinct = {repr([getattr(config, name) for name in COMPARED]): config for config in campaign.pending}
    said = [note for config in distinct.values() for note in (*_fields(config), *_options(config))]
    for config in distinct.values():
        cost = campaign.costs.kinds.get(kind_of(config))
        if cost is not None and config.epochs > 0:
            said += _samples(config, cost.train_images)
        if cost is not None and (config.max_test_samples or 0) > cost.test_images:
            said.append(_all_samples("max_test_samples", config.max_test_samples, cost.test_images, "test", config))
    return list(dict.fromkeys(said))


def without_a_core(campaign: "Campaign") -> Iterator[str]:
    """A note if workers or threads of this machine would wait for each other."""
    if campaign.elsewhere or not campaign.pending:
        return
    cores, threads = usable_cores(), max(config.threads for config in campaign.pending)
    if threads > cores:
        yield f"{threads} threads of a run share {cores} core(s): cpu_threads {cores} is as fast"
    elif campaign.choice.cores is None and campaign.workers > 1 and campaign.workers * threads > cores:
        enough = max(1, cores // threads)
        yield f"{campaign.workers} workers share {cores} core(s): max_workers {enough} is as fast and takes less memory"


def fixed_workers(engine: str, max_workers: int | None) -> list[str]:
    """A note if the engine has a number of workers of its own, and another one was asked for."""
    workers = registry.constant(base.ENGINES, engine, "WORKERS")
    if workers is None or max_workers in (None, workers):
        return []
    return [f"max_workers {max_workers} has no effect: engine {engine!r} has {workers} worker(s)"]


def _fields(config: TrainConfig) -> Iterator[str]:
    """Settings that another setting makes idle, whatever the data."""
    if config.p == 0 and config.corruption != TrainConfig.corruption:
        yield f"corruption {config.corruption!r} and its options have no effect where p is 0"
    if config.p == 0 and config.corrupt_test:
        yield "corrupt_test has no effect where p is 0: the test images are measured again as they are"
    late = [epoch for epoch in config.lr_milestones if epoch > config.epochs]
    if late:
        yield f"lr_milestones after the last epoch, {config.epochs}, have no effect: {', '.join(map(str, late))}"
    if config.has_weight_noise and config.alpha_train == 0 and config.noise_model != TrainConfig.noise_model:
        yield (
            f"noise_model {config.noise_model!r} has no effect on training where alpha_train is 0, "
            f"but is part of the identity of runs with regime {config.regime!r}"
        )


def _options(config: TrainConfig) -> Iterator[str]:
    """Options and settings that an option of a run makes idle: the file of its owner says so in `IDLE`."""
    owners, complete = config.owners(), config.all_options()
    for owner, its_options in by_owner.changed(config.options, owners).items():
        idle: Mapping[str, tuple[Any, tuple]] = {}
        if owners[owner] != by_owner.CORRUPTION:
            idle = registry.constant(owners[owner], owner, "IDLE", {})
        for deciding, (value, names) in idle.items():
            if complete[owner][deciding] != value:
                continue
            without = sorted({*its_options} & ({*names} or {*complete[owner]}) - {deciding})
            if without:
                yield f"options of {owner} without effect where {owner}.{deciding} is {value}: {', '.join(without)}"
            for name in {*names} & vars(TrainConfig).keys():
                if getattr(config, name) != getattr(TrainConfig, name):
                    yield (
                        f"{name} {getattr(config, name)!r} has no effect on training where {owner}.{deciding} is "
                        f"{value}, but is part of the identity"
                    )


def _samples(config: TrainConfig, count: int) -> Iterator[str]:
    """Settings that are larger than the number of training samples, without those of validation."""
    if (config.max_train_samples or 0) > count:
        yield _all_samples("max_train_samples", config.max_train_samples, count, "training", config)
    used = min(count, config.max_train_samples or count)
    if config.batch_size > used:
        yield f"batch_size {config.batch_size} is more than the {used} training samples: each epoch is one batch of all"


def _all_samples(name: str, asked: int | None, count: int, kind: str, config: TrainConfig) -> str:
    return (
        f"{name} {asked} is more than the {count} {kind} samples of {config.dataset_name}: all are used, as with "
        f"{name} none, under another identity"
    )
