"""What is done, what failed, what is to do, and whether this machine can do it, before a campaign starts."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaign.engines import base
from campaign.grid.settings import Launch
from campaign.grid.shard import Shard
from campaign.machine.cores import usable_cores
from campaign.planning import costs, early, effect, fitting, notes, weights, work
from campaign.planning.costs import Costs
from campaign.planning.measuring import Measuring
from campaign.planning.work import Requests
from campaign.store.folder import Store
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.temporary import temporary_folder
from nnet.record.form import lacks_record


@dataclass
class Campaign:
    """A surveyed campaign: its runs, and those that are to be done."""

    configs: list[TrainConfig]
    """What is asked for. Configurations that differ only in what they measure are one run, done one after the other."""
    stores: dict[str, Store]
    pending: list[TrainConfig]
    """The runs to train or to measure, each by its first configuration, in the order in which they start."""
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
    measuring: Measuring = field(default_factory=Measuring)
    """Whether it trains nothing, and what it measures again."""
    left_out: list[TrainConfig] = field(default_factory=list)
    """Runs that would have to be trained, in a launch that trains nothing."""

    @functools.cached_property
    def runs(self) -> dict[str, Requests]:
        """What is asked of each run, by run_id."""
        return work.requests_of(self.configs)

    def known(self, config: TrainConfig) -> dict | None:
        """What is known of a run by now, as in its run file; None before it has one. Raises ConfigError."""
        run = work.known(self.stores[config.dataset_name], config)
        return self.measuring.view(self.runs[config.run_id], run)

    def left(self, config: TrainConfig) -> Requests:
        """What is asked of a run and not done by now; empty once it is finished."""
        return work.left(self.runs[config.run_id], self.known(config))

    def finished(self) -> int:
        """How many of its runs are trained and measured as asked by now."""
        return sum(not self.left(requests[0]) for requests in self.runs.values())

    def failures(self) -> dict[TrainConfig, str]:
        """Which of its runs have failed by now, and why."""
        failed = {run_id for store in self.stores.values() for run_id in store.failed()}
        return {
            config: self.stores[config.dataset_name].failure(run_id) or ""
            for run_id, (config, *_) in self.runs.items()
            if run_id in failed and self.left(config)
        }

    def is_trained(self, config: TrainConfig) -> bool:
        """Whether a run needs no training: it has a run file, and its weights are kept."""
        run = self.known(config)
        return run is not None and work.has_weights(config) and not lacks_record(config, run)

    def seconds(self, config: TrainConfig) -> float:
        """Estimated seconds of what is left of a run."""
        missing = work.points_left(self.left(config), self.known(config))
        return self.costs.seconds(config, missing, self.is_trained(config))

    def estimates(self) -> dict[str, float]:
        """Estimated seconds of the runs to do, by run_id."""
        return {config.run_id: self.seconds(config) for config in self.pending}

    def open(self, what: base.Work) -> base.Engine:
        """The engine, with its options, that does this work on each run of the campaign."""
        return base.make(self.engine, what, self.workers, self.timeout_s, self.engine_options)

    def open_pilot(self, what: base.Work, workers: int) -> base.Engine:
        """The engine that tries runs on this machine before the campaign."""
        name = registry.constant(base.ENGINES, self.engine, "PILOT")
        if name is None:
            return base.make(self.engine, what, workers, self.timeout_s, self.engine_options)
        return base.make(name, what, workers, self.timeout_s)

    def measure(self, accept: Callable[[TrainConfig, dict], None] | None = None) -> Costs:
        """Set `costs` to what the runs to do cost, and return it; see `costs.measure`."""
        if not self.elsewhere:
            early.check(self.pending)
        asked = [request for config in self.pending for request in self.left(config)]
        self.costs = costs.measure(asked, self.open_pilot, self.at_once, accept)
        return self.costs

    @property
    def at_once(self) -> int:
        """Runs at the same time on this machine."""
        return max(1, min(self.workers, usable_cores()))

    @property
    def all_workers(self) -> int:
        """Runs at the same time, in all shards together."""
        return self.workers * (self.shard.count if self.shard else 1)


def survey(
    configs: Sequence[TrainConfig],
    launch: Launch,
    retry_failed: bool = False,
    engine_options: dict | None = None,
    measuring: Measuring | None = None,
) -> Campaign:
    """Find out which runs are done and which are to do. Nothing is tried and nothing written.

    Raises ConfigError as `prepare`, but for what only trying a run can show.
    """
    measuring = measuring or Measuring()
    measuring.check(configs)
    threads = max((config.cpu_threads for config in configs), default=1)
    capacity = base.capacity(launch.engine, engine_options or {}, threads)
    if launch.run_timeout_s is not None and not launch.run_timeout_s > 0:
        raise ConfigError(f"run_timeout_s must be above 0; got {launch.run_timeout_s}")
    stores = {
        name: Store(Path(launch.output_dir) / name) for name in sorted({config.dataset_name for config in configs})
    }
    workers = _workers(configs, launch, capacity, threads)
    folders = {Path(config.checkpoint_dir) for config in configs if config.checkpoint_dir}
    for folder in {Path(launch.output_dir)} | folders:
        _refuse_unwritable(folder)
    for store in stores.values():
        store.refuse_links()
    campaign = Campaign(
        list(configs), stores, [], launch.engine, workers, launch.run_timeout_s, engine_options or {},
        elsewhere=capacity is not None, measuring=measuring,
    )  # fmt: skip
    try:
        campaign.pending = _pending(campaign, retry_failed)
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
    if measuring.only:
        campaign.left_out = [config for config in campaign.pending if not campaign.is_trained(config)]
        campaign.pending = [config for config in campaign.pending if campaign.is_trained(config)]
        campaign.notes += notes.left_out(campaign.left_out)
    if capacity is not None:
        campaign.workers = max(1, min(workers, len(campaign.pending)))
    return campaign


def prepare(
    configs: Sequence[TrainConfig],
    launch: Launch,
    retry_failed: bool = False,
    shard: Shard | None = None,
    engine_options: dict | None = None,
    reference: dict | None = None,
    measuring: Measuring | None = None,
) -> Campaign:
    """Find out which runs are done, try one run of each kind that is not, and plan the rest.

    Nothing is written to the output folder. Runs that have failed before are left out unless `retry_failed`. The
    runs of the `shard` come first, then the longest. `reference`, `measuring`: see `Campaign`. Raises ConfigError, in
    one sentence, for anything that would make the campaign impossible.
    """
    campaign = survey(configs, launch, retry_failed, engine_options, measuring)
    campaign.reference, campaign.shard = reference, shard
    campaign.measure(functools.partial(_refuse_other_data, campaign.stores))
    campaign.notes += campaign.costs.notes
    campaign.pending.sort(key=campaign.seconds, reverse=True)
    if shard is not None:
        mine = shard.own([requests[0] for requests in campaign.runs.values()])
        campaign.pending.sort(key=lambda config: config.run_id not in mine)
    if not campaign.elsewhere:
        fitting.fit(campaign, launch.memory_check)
    campaign.notes += notes.unwatched(campaign) + notes.resized_twice(campaign) + weights.notes(campaign)
    campaign.notes += effect.fixed_workers(launch.engine, launch.max_workers) + effect.notes(campaign)
    campaign.notes += effect.without_a_core(campaign)
    if not campaign.elsewhere:
        campaign.notes += notes.idle_cores(campaign) + notes.other_machines(campaign)
    return campaign


def _pending(campaign: Campaign, retry_failed: bool) -> list[TrainConfig]:
    """The runs to do, each by the first configuration that is not done. Raises OSError, and ConfigError."""
    for store in campaign.stores.values():
        store.results()  # damaged files, and files of other versions, of whatever run
    failed = set() if retry_failed else {run_id for store in campaign.stores.values() for run_id in store.failed()}
    left = [campaign.left(config) for run_id, (config, *_) in campaign.runs.items() if run_id not in failed]
    return [requests[0] for requests in left if requests]


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


def _refuse_unwritable(folder: Path) -> None:
    try:
        existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(parent))
        with temporary_folder(existing):
            pass
    except OSError as error:
        raise ConfigError(f"cannot write to {folder}: {error.strerror}") from error
