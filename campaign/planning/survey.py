"""What a campaign finds before it starts: what is done, what failed, what is to do, whether the machine can do it."""

import functools
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from campaign.engines import _available, base
from campaign.engines._available import ENGINES
from campaign.grid.shard import Shard
from campaign.machine import memory
from campaign.machine.cores import usable_cores
from campaign.planning import pilot
from campaign.running.progress import duration
from campaign.store.folder import Store
from nnet import registry
from nnet.config import TrainConfig

MOST_THREADS = 4
"""More threads do not pay for networks as small as these."""
SAME_BITS = ("cpu_model", "cpu_capability", "torch", "threads", "device")
"""What must be the same for two runs of one configuration to give the same bits."""


@dataclass
class Campaign:
    """A checked campaign: what there is, and what is to be done, the longest runs first."""

    configs: list[TrainConfig]
    stores: dict[str, Store]
    pending: list[TrainConfig]
    estimates: dict[str, pilot.Estimate]
    engine: str
    workers: int
    timeout_s: float | None = None
    engine_options: dict = field(default_factory=dict)
    """What the engine is told, by name."""
    elsewhere: bool = False
    """Whether its workers are on other machines."""
    shard: Shard | None = None
    """The share of the runs that this launch does first, of as many launches as there are shares."""
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
            config: self.stores[config.dataset_name].failure(config.run_id)
            for config in self.configs
            if config.run_id in failed
        }

    def found(self) -> str:
        """What there is and what is to do, in one line."""
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
        seconds = [self.estimates[config.run_id].seconds for config in self.pending]
        wall = max(sum(seconds) / self.all_workers, max(seconds))
        share = f" in each of {self.shard.count} shards, this is {self.shard}" if self.shard else ""
        return f"{line} on {self.workers} worker(s){share}, about {duration(wall)}"

    @property
    def run(self) -> Callable:
        """The engine's function, with its options."""
        run = registry.load(ENGINES, self.engine).run
        return functools.partial(run, **registry.make_options(ENGINES, self.engine, self.engine_options))

    @property
    def try_run(self) -> Callable:
        """The engine's function with which runs are tried before the campaign."""
        pilot_engine = registry.constant(ENGINES, self.engine, "PILOT")
        return self.run if pilot_engine is None else registry.load(ENGINES, pilot_engine).run

    @property
    def all_workers(self) -> int:
        """Runs at the same time, in all shards together."""
        return self.workers * (self.shard.count if self.shard else 1)


def survey(
    configs: Sequence[TrainConfig],
    output_dir: str | Path,
    engine: str = "process",
    workers: int | None = None,
    timeout_s: float | None = None,
    retry_failed: bool = False,
    engine_options: dict | None = None,
) -> Campaign:
    """Find out what is done and what is to do. Nothing is tried and nothing written; raises ValueError as `check`."""
    threads = max((config.cpu_threads for config in configs), default=1)
    capacity = _available.check(engine, engine_options or {}, threads)
    if timeout_s is not None and not timeout_s > 0:
        raise ValueError(f"run_timeout_s must be above 0; got {timeout_s}")
    configs = list({config.run_id: config for config in configs}.values())
    if workers is None and capacity is not None:
        workers = capacity
    elif workers is None:
        one = any(config.use_cuda for config in configs)
        workers = 1 if one else max(1, usable_cores() // threads)
    base.check(configs, workers)
    workers = 1 if engine == "serial" else workers
    stores = {name: Store(Path(output_dir) / name) for name in sorted({config.dataset_name for config in configs})}
    for folder in {Path(output_dir), *(Path(config.checkpoint_dir) for config in configs if config.checkpoint_dir)}:
        _check_writable(folder)
    try:
        done = {run_id for store in stores.values() for run_id in store.results()}
    except OSError as error:
        raise ValueError(f"cannot read {error.filename}: {error.strerror}") from error
    if not retry_failed:
        done |= {run_id for store in stores.values() for run_id in store.failed()}
    pending = [config for config in configs if config.run_id not in done]
    if capacity is not None:
        workers = max(1, min(workers, len(pending)))
    elsewhere = capacity is not None
    return Campaign(configs, stores, pending, {}, engine, workers, timeout_s, engine_options or {}, elsewhere)


def check(
    configs: Sequence[TrainConfig],
    output_dir: str | Path,
    engine: str = "process",
    workers: int | None = None,
    timeout_s: float | None = None,
    retry_failed: bool = False,
    memory_check: bool = True,
    shard: Shard | None = None,
    engine_options: dict | None = None,
) -> Campaign:
    """Find out what is done, try each kind of run that is not, and plan the rest. Nothing is written to `output_dir`.

    `workers`: runs at the same time; None takes one per usable core and thread, or one with a GPU; with
    `memory_check` fewer are taken where their memory does not suffice. `timeout_s`: after so many seconds a run
    is ended and fails. Runs that have failed before are left out unless `retry_failed`. The runs of the `shard` come
    first. Raises ValueError, in one sentence, for anything that would make the campaign impossible.
    """
    campaign = survey(configs, output_dir, engine, workers, timeout_s, retry_failed, engine_options)
    campaign.estimates, machine = pilot.estimates(campaign.pending, campaign.stores, campaign.try_run, timeout_s)
    campaign.pending.sort(key=lambda config: campaign.estimates[config.run_id].seconds, reverse=True)
    if shard is not None:
        own = shard.own(campaign.configs)
        campaign.grid.shard = shard
        campaign.pending.sort(key=lambda config: config.run_id not in own)
    if memory_check and not campaign.elsewhere:
        _fit_into_memory(campaign)
    campaign.notes += _unwatched(campaign)
    if not campaign.elsewhere:
        campaign.notes += _idle_cores(campaign) + _other_machines(campaign, machine)
    return campaign


def _idle_cores(campaign: Campaign) -> list[str]:
    """A note where cores will have nothing to do from the start, and more threads a run would use them."""
    runs = len(campaign.pending)
    if campaign.engine == "serial" or not runs:
        return []
    now = campaign.pending[0].cpu_threads
    cores = min(campaign.workers * now, usable_cores())
    threads = min(cores // runs, MOST_THREADS)
    return [] if threads <= now else [
        f"{runs} runs leave some of {cores} cores without one; --cpu-threads-per-worker {threads} would use more of "
        "them, and may change the last bits of results"
    ]  # fmt: skip


def _fit_into_memory(campaign: Campaign) -> None:
    needs = [campaign.estimates[config.run_id].memory_mb for config in campaign.pending]
    free = memory.free_mb()
    fitting = memory.fitting_workers(needs, campaign.workers, free)
    if fitting < campaign.workers:
        campaign.notes.append(
            f"{free:.0f} MB of memory are free and a run takes up to {max(needs):.0f} MB, so {fitting} of "
            f"{campaign.workers} workers are started; --no-memory-check starts them all"
        )
        campaign.workers = fitting


def _unwatched(campaign: Campaign) -> list[str]:
    """A note where a regime that looks at validation images has none."""
    blind = {config.regime for config in campaign.pending if config.validation_share == 0 and _watches(config)}
    return [
        f"{name} runs without validation images here, and sees no plateau of their loss and no overfitting; "
        "--validation-share 0.1 holds some back"
        for name in sorted(blind)
    ]


def _watches(config: TrainConfig) -> bool:
    """Whether a run would look at validation images: its regime's file says so, and with which of its options."""
    watching = registry.constant("regimes", config.regime, "WATCHES_VALIDATION")
    if watching is None:
        return False
    options = config.options_and_defaults()
    return all(options[name] in values for name, values in watching.items())


def _other_machines(campaign: Campaign, machine: dict) -> list[str]:
    """A note for each way in which runs that are done were made differently from those that are to come."""
    results = campaign.results()
    before = [results[config.run_id]["provenance"] for config in campaign.configs if config.run_id in results]
    notes = []
    for name in filter(machine.__contains__, SAME_BITS):
        others = Counter(str(made.get(name)) for made in before if made.get(name) != machine[name])
        if others:
            notes.append(
                f"{others.total()} finished runs were made with {name} {' or '.join(sorted(others))}, the others will "
                f"be with {machine[name]}: the same configuration may give other last bits"
            )
    return notes


def _check_writable(folder: Path) -> None:
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}") from error
