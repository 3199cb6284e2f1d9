"""What is done, what failed, what is to do, and whether this machine can do it, before a campaign starts."""

import functools
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaign.engines import base
from campaign.grid.settings import Launch
from campaign.grid.shard import Shard
from campaign.machine import memory
from campaign.machine.console import duration
from campaign.machine.cores import usable_cores
from campaign.planning import costs, notes
from campaign.planning.costs import Costs
from campaign.planning.plan import makespan
from campaign.store.folder import Store
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig


@dataclass
class Campaign:
    """A surveyed campaign: its runs, and those that are to be done."""

    configs: list[TrainConfig]
    stores: dict[str, Store]
    pending: list[TrainConfig]
    """The runs to do, in the order in which they start."""
    engine: str
    workers: int
    timeout_s: float | None = None
    engine_options: dict = field(default_factory=dict)
    """The options of the engine by name."""
    elsewhere: bool = False
    """Whether its workers are on other machines."""
    reference: dict | None = None
    """The settings of the runs that the others are compared with, like {"regime": "clean"}."""
    costs: Costs = field(default_factory=Costs)
    """What its runs cost, as far as it was measured."""
    shard: Shard | None = None
    """The share of the runs that this launch does first."""
    notes: list[str] = field(default_factory=list)
    """What a person should know before it starts, in sentences."""

    def results(self) -> dict[str, dict]:
        """Everything that is finished by now in its folders, by run_id."""
        return {run_id: result for store in self.stores.values() for run_id, result in store.results().items()}

    def finished(self) -> int:
        """How many of its runs are finished by now."""
        return len(self.results().keys() & {config.run_id for config in self.configs})

    def failures(self) -> dict[TrainConfig, str]:
        """Which of its runs have failed by now, and why."""
        failed = {run_id for store in self.stores.values() for run_id in store.failed()} - self.results().keys()
        return {
            config: self.stores[config.dataset_name].failure(config.run_id) or ""
            for config in self.configs
            if config.run_id in failed
        }

    def found(self) -> str:
        """What is finished and what is to do, in one line."""
        finished = self.finished()
        failed = len(self.configs) - finished - len(self.pending)
        begun = {run_id for store in self.stores.values() for run_id in store.partly_done()}
        partly = len(begun & {config.run_id for config in self.pending})
        line = f"{len(self.configs)} runs: {finished} finished"
        line += f", {failed} failed (--retry-failed tries them again)" if failed else ""
        line += f", {len(self.pending)} to do"
        line += f", {partly} of them partly done" if partly else ""
        if not self.pending:
            return line
        wall = makespan(map(self.costs.seconds, self.pending), self.all_workers)
        share = f" in each of {self.shard.count} shards, this is {self.shard}" if self.shard else ""
        return f"{line} on {self.workers} worker(s){share}, about {duration(wall)}"

    def open(self, work: Callable[[TrainConfig], dict]) -> base.Engine:
        """The engine, with its options, that does `work` on each run of the campaign."""
        return base.make(self.engine, work, self.workers, self.timeout_s, self.engine_options)

    def open_pilot(self, work: Callable[[TrainConfig], dict], workers: int) -> base.Engine:
        """The engine that tries runs on this machine before the campaign."""
        name = registry.constant(base.ENGINES, self.engine, "PILOT")
        if name is None:
            return base.make(self.engine, work, workers, self.timeout_s, self.engine_options)
        return base.make(name, work, workers, self.timeout_s)

    def measure(self, accept: Callable[[TrainConfig, dict], None] | None = None) -> Costs:
        """What the runs to do cost; see `costs.measure`."""
        return costs.measure(self.pending, self.open_pilot, self.at_once, accept)

    @property
    def at_once(self) -> int:
        """Runs at the same time on this machine."""
        return max(1, min(self.workers, usable_cores()))

    @property
    def all_workers(self) -> int:
        """Runs at the same time, in all shards together."""
        return self.workers * (self.shard.count if self.shard else 1)


def survey(
    configs: Sequence[TrainConfig], launch: Launch, retry_failed: bool = False, engine_options: dict | None = None
) -> Campaign:
    """Find out which runs are done and which are to do. Nothing is tried and nothing written.

    Raises ConfigError as `prepare`, but for what only trying a run can show.
    """
    threads = max((config.cpu_threads for config in configs), default=1)
    capacity = base.capacity(launch.engine, engine_options or {}, threads)
    if launch.run_timeout_s is not None and not launch.run_timeout_s > 0:
        raise ConfigError(f"run_timeout_s must be above 0; got {launch.run_timeout_s}")
    configs = list({config.run_id: config for config in configs}.values())
    stores = {
        name: Store(Path(launch.output_dir) / name) for name in sorted({config.dataset_name for config in configs})
    }
    workers = _workers(configs, launch, capacity, threads)
    weights = {Path(config.checkpoint_dir) for config in configs if config.checkpoint_dir}
    for folder in {Path(launch.output_dir)} | weights:
        _refuse_unwritable(folder)
    try:
        done = {run_id for store in stores.values() for run_id in store.results()}
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
    if not retry_failed:
        done |= {run_id for store in stores.values() for run_id in store.failed()}
    pending = [config for config in configs if config.run_id not in done]
    if capacity is not None:
        workers = max(1, min(workers, len(pending)))
    return Campaign(
        configs, stores, pending, launch.engine, workers, launch.run_timeout_s, engine_options or {},
        elsewhere=capacity is not None,
    )  # fmt: skip


def prepare(
    configs: Sequence[TrainConfig],
    launch: Launch,
    retry_failed: bool = False,
    shard: Shard | None = None,
    engine_options: dict | None = None,
    reference: dict | None = None,
) -> Campaign:
    """Find out which runs are done, try one run of each kind that is not, and plan the rest.

    Nothing is written to the output folder. Runs that have failed before are left out unless `retry_failed`. The
    runs of the `shard` come first, then the longest. `reference`: see `Campaign`. Raises ConfigError, in one
    sentence, for anything that would make the campaign impossible.
    """
    campaign = survey(configs, launch, retry_failed, engine_options)
    campaign.reference, campaign.shard = reference, shard
    campaign.costs = campaign.measure(functools.partial(_refuse_other_data, campaign.stores))
    campaign.notes += campaign.costs.notes
    campaign.pending.sort(key=campaign.costs.seconds, reverse=True)
    if shard is not None:
        mine = shard.own(campaign.configs)
        campaign.pending.sort(key=lambda config: config.run_id not in mine)
    if launch.memory_check and not campaign.elsewhere:
        _fit_into_memory(campaign)
    campaign.notes += notes.unwatched(campaign)
    if not campaign.elsewhere:
        campaign.notes += notes.idle_cores(campaign) + notes.other_machines(campaign)
    return campaign


def _workers(configs: Sequence[TrainConfig], launch: Launch, capacity: int | None, threads: int) -> int:
    """Runs at the same time: as asked for, else as the engine or the cores of this machine allow."""
    workers = capacity if launch.max_workers is None else launch.max_workers
    if workers is None:
        workers = 1 if any(config.use_cuda for config in configs) else max(1, usable_cores() // threads)
    base.refuse_shared_gpu(configs, workers)
    return registry.constant(base.ENGINES, launch.engine, "WORKERS", workers)


def _refuse_other_data(stores: dict[str, Store], config: TrainConfig, tried: dict) -> None:
    """Raise ConfigError if a folder has results on other data of the same name."""
    store = stores[config.dataset_name]
    for result in store.results().values():
        same_file = result["config"].get("dataset_sha256") == config.dataset_sha256
        resized_alike = result["config"]["image_size"] == config.image_size
        if not same_file or (resized_alike and result["sha256"]["data"] != tried["data_sha256"]):
            raise ConfigError(
                f"{store.folder} holds runs on other data of the name {config.dataset_name!r}; "
                "choose another --output-dir, or rename the dataset's file"
            )


def _fit_into_memory(campaign: Campaign) -> None:
    needs = list(map(campaign.costs.memory_mb, campaign.pending))
    free = memory.free_mb()
    fitting = memory.fitting_workers(needs, campaign.workers, free)
    if fitting < campaign.workers:
        campaign.notes.append(
            f"{free:.0f} MB of memory are free and a run takes up to {max(needs):.0f} MB, so {fitting} of "
            f"{campaign.workers} workers are started; --no-memory-check starts them all"
        )
        campaign.workers = fitting


def _refuse_unwritable(folder: Path) -> None:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error
