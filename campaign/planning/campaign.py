"""A surveyed campaign: its runs, what is known of them, and what is left."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from campaign.engines import base
from campaign.grid.shard import Shard
from campaign.machine.cores import usable_cores
from campaign.planning import costs, early, work
from campaign.planning.choice import Choice
from campaign.planning.costs import Costs
from campaign.planning.measuring import Measuring
from campaign.planning.wall_time import makespan
from campaign.planning.work import Requests
from campaign.store.folder import Store
from campaign.store.index import Outline
from nnet import registry
from nnet.config import TrainConfig
from nnet.record.form import lacks_record


@dataclass(frozen=True)
class State:
    """What was known of the runs of a campaign, and left of what is asked of them, by run_id, at one time."""

    known: dict[str, dict | None]
    left: dict[str, Requests]
    seen: dict[str, dict[str, Outline]]
    """The outlines from which it follows, by dataset."""


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
    resolution: float | None = None
    """Half-width of an interval, in percentage points, for which tables count missing seeds; None: the default."""
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
    choice: Choice = field(default_factory=Choice)
    """The threads of runs whose `cpu_threads` is auto."""
    answers: work.Answers = field(default_factory=work.Answers)
    notify: str | None = None
    """A shell command that is told how it goes."""
    _state: State | None = None
    _estimated: tuple[tuple, dict[str, tuple[float, float]]] = ((), {})

    @functools.cached_property
    def runs(self) -> dict[str, Requests]:
        """What is asked of each run, by run_id."""
        return work.requests_of(self.configs)

    def state(self) -> State:
        """What is known and left of all runs by now. Raises ConfigError."""
        seen = {name: store.outlines() for name, store in self.stores.items()}
        before = {} if self._state is None else self._state.seen
        if self._state is None or any(before[name] is not outlines for name, outlines in seen.items()):
            known = {
                run_id: self._view(requests[0], seen[requests[0].dataset_name].get(run_id))
                for run_id, requests in self.runs.items()
            }
            left = {run_id: self.answers.left(requests, known[run_id]) for run_id, requests in self.runs.items()}
            self._state = State(known, left, seen)
        return self._state

    def known(self, config: TrainConfig) -> dict | None:
        """The outline of a run's file by now; None before it has one. Raises ConfigError.

        Where an evaluation is done again, the content of the file without its points.
        """
        return self._view(config, self.stores[config.dataset_name].outline(config.run_id))

    def _view(self, config: TrainConfig, outline: Outline | None) -> dict | None:
        store = self.stores[config.dataset_name]
        if self.measuring.again is None or outline is None:
            return work.checked(store, config, outline)
        return self.measuring.view(self.runs[config.run_id], work.in_full(store, config))

    def in_full(self, config: TrainConfig) -> dict | None:
        """What is known of a run by now, with all values, for its worker. Raises ConfigError."""
        return self.measuring.view(self.runs[config.run_id], work.in_full(self.stores[config.dataset_name], config))

    def left(self, config: TrainConfig) -> Requests:
        """What is asked of a run and not done by now; empty once it is finished."""
        left = self.answers.left(self.runs[config.run_id], self.known(config))
        return [self.choice.of(request) for request in left]

    def finished(self) -> int:
        """How many of its runs are trained and measured as asked by now."""
        return sum(not left for left in self.state().left.values())

    def failures(self) -> dict[TrainConfig, str]:
        """Which of its runs have failed by now, and why."""
        failed = {run_id for store in self.stores.values() for run_id in store.failed()}
        left = self.state().left if failed else {}
        return {
            config: self.stores[config.dataset_name].failure(run_id) or ""
            for run_id, (config, *_) in self.runs.items()
            if run_id in failed and left[run_id]
        }

    def is_trained(self, config: TrainConfig) -> bool:
        """Whether a run needs no training: it has a run file, and its weights are kept."""
        return _is_trained(config, self.known(config))

    def seconds(self, config: TrainConfig) -> float:
        """Estimated seconds of what is left of a run."""
        return sum(self._parts(config))

    def memory_mb(self, config: TrainConfig) -> float:
        """Memory of this machine that a run takes; 0 if it is unknown or the run is on another machine."""
        return 0.0 if self.elsewhere else self.costs.memory_mb(config)

    def estimates(self) -> dict[str, float]:
        """Estimated seconds of the runs to do, by run_id."""
        return {run_id: sum(parts) for run_id, parts in self.parts().items()}

    def parts(self) -> dict[str, tuple[float, float]]:
        """Those of training and those of the rest, by run_id; found anew when something has changed."""
        now, before = (self.state(), self.costs, self.pending), self._estimated[0]
        if not before or any(old is not new for old, new in zip(before, now, strict=True)):
            self._estimated = now, {config.run_id: self._parts(config) for config in self.pending}
        return self._estimated[1]

    def _parts(self, config: TrainConfig) -> tuple[float, float]:
        known = self.known(config)
        missing = self.answers.points_left(self.runs[config.run_id], known)
        return self.costs.parts(config, missing, _is_trained(config, known))

    def choose(self, choice: Choice) -> None:
        """Let the runs to do have these threads."""
        self.choice, self.pending = choice, [choice.of(config) for config in self.pending]

    def wall_s(self, seconds: Mapping[str, float]) -> float:
        """Seconds until the last of these runs ends, from the seconds of each by run_id, in all shards together."""
        if self.choice.cores is None:
            return makespan(seconds.values(), self.all_workers)
        threads = [self.choice.threads.get(run_id, 1) for run_id in seconds]
        return makespan(seconds.values(), self.all_workers, threads, self.choice.cores)

    def wide(self, dataset_name: str) -> dict[str, int]:
        """The threads of the runs to do on this dataset that have more than one, by run_id."""
        configs = [config for config in self.pending if config.threads > 1 and config.dataset_name == dataset_name]
        return {config.run_id: config.threads for config in configs}

    @property
    def shares_cores(self) -> bool:
        """Whether its runs, of whatever numbers of threads, share the cores of this machine and nothing else does."""
        threads = registry.constant(base.ENGINES, self.engine, "THREADS", False)
        return threads and self.shard is None and not any(config.use_cuda for config in self.pending)

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


def _is_trained(config: TrainConfig, run: Mapping | None) -> bool:
    return run is not None and work.has_weights(config) and not lacks_record(config, run)
