"""What is done, what failed, what is to do, and whether this machine can do it, before a campaign starts."""

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from campaign.engines import base
from campaign.grid.settings import Launch
from campaign.grid.shard import Shard
from campaign.machine.cores import usable_cores
from campaign.planning import changed, effect, notes, threads, weights
from campaign.planning.campaign import Campaign
from campaign.planning.measuring import Measuring
from campaign.store.folder import Store
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.temporary import temporary_folder


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
    most = max((config.threads for config in configs), default=1)
    capacity = base.capacity(launch.engine, engine_options or {}, most)
    if launch.run_timeout_s is not None and not launch.run_timeout_s > 0:
        raise ConfigError(f"run_timeout_s must be above 0; got {launch.run_timeout_s}")
    stores = {
        name: Store(Path(launch.output_dir) / name) for name in sorted({config.dataset_name for config in configs})
    }
    workers = _workers(configs, launch, capacity, most)
    folders = {Path(config.checkpoint_dir) for config in configs if config.checkpoint_dir}
    for folder in {Path(launch.output_dir)} | folders:
        _refuse_unwritable(folder)
    for store in stores.values():
        store.refuse_links()
    campaign = Campaign(
        list(configs), stores, [], launch.engine, workers, launch.run_timeout_s, engine_options or {},
        elsewhere=capacity is not None, measuring=measuring, notify=launch.notify,
    )  # fmt: skip
    try:
        campaign.pending = _pending(campaign, retry_failed)
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error
    campaign.choose(threads.recorded(campaign))
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
    campaign.reference, campaign.resolution, campaign.shard = reference, launch.resolution, shard
    campaign.measure(functools.partial(_refuse_other_data, campaign.stores))
    met = threads.settle(campaign, launch.memory_check)
    campaign.notes += campaign.costs.notes + met
    campaign.pending.sort(key=threads.first(campaign.estimates()))
    if shard is not None:
        mine = shard.own([requests[0] for requests in campaign.runs.values()])
        campaign.pending.sort(key=lambda config: config.run_id not in mine)
    campaign.notes += notes.unwatched(campaign) + notes.resized_twice(campaign) + weights.notes(campaign)
    campaign.notes += changed.notes(campaign)
    campaign.notes += effect.fixed_workers(launch.engine, launch.max_workers) + effect.notes(campaign)
    campaign.notes += effect.without_a_core(campaign)
    if not campaign.elsewhere:
        campaign.notes += notes.idle_cores(campaign) + notes.other_machines(campaign)
    return campaign


def _pending(campaign: Campaign, retry_failed: bool) -> list[TrainConfig]:
    """The runs to do, each by the first configuration that is not done. Raises OSError, and ConfigError."""
    failed = set() if retry_failed else {run_id for store in campaign.stores.values() for run_id in store.failed()}
    left = campaign.state().left  # reads every file: damaged ones, and those of other versions, of whatever run
    return [requests[0] for run_id, requests in left.items() if requests and run_id not in failed]


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
    for result in store.outlines().values():
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
