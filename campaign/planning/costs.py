"""What runs cost on this machine: seconds and memory of each kind, measured by pilots and remembered.

A pilot is a few small real runs in a worker (see `campaign.engines.workers.pilot`). Pilots of different kinds work
side by side; `campaign.planning.trials` says which are needed. What they measure is kept in the cache folder, in one
file per machine, processor, code and number of workers; delete the file to measure again. A launch, `--plan`,
`--status` and the progress line all use these costs.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from campaign.engines import base
from campaign.engines.workers import fork_server, tasks
from campaign.machine import memory
from campaign.machine.console import complain
from campaign.planning import notes
from campaign.planning.cost import COST, Cost, Missing, kind_of, training_kind
from campaign.planning.trials import Trials
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files import checked_json, outside
from nnet.files.atomic import CannotWrite
from nnet.files.cache import cache_root
from nnet.files.host import HOST
from nnet.processor import plain_layers, processor
from nnet.record.provenance import code_sha256

PILOT_MB = 2048
"""Memory that must be free for each pilot: what it takes is not known before it has run."""
CANNOT_SET_UP = "CannotSetUp"
"""Name of the error of a pilot that could not set its run up."""

FORM = {"shared_mb": float, "machine": dict, "kinds": {str: COST}}
"""The shape of the file."""


@dataclass
class Costs:
    """The costs of all kinds that are known, by kind."""

    kinds: dict[str, Cost] = field(default_factory=dict)
    shared_mb: float = 0.0
    """Memory of the process from which workers are forked."""
    machine: dict = field(default_factory=dict)
    """Processor and library versions of the pilots, as in a run file."""
    rough: set[str] = field(default_factory=set)
    """The kinds that were measured while the machine was busy."""
    notes: list[str] = field(default_factory=list)
    """What a person should know about them."""
    failures: list[base.Failure] = field(default_factory=list)
    """Of pilots that failed, though their configuration is right."""

    def note(self, *notes: str) -> None:
        """Add notes that are not there yet."""
        self.notes += [note for note in notes if note not in self.notes]

    def seconds(self, config: TrainConfig, missing: Missing = None, trained: bool = False) -> float:
        """Estimated seconds of a run, as `Cost.seconds`; 0 if nothing is known."""
        return sum(self.parts(config, missing, trained))

    def parts(self, config: TrainConfig, missing: Missing = None, trained: bool = False) -> tuple[float, float]:
        """Estimated seconds of its training, and of the rest, as `Cost.parts`; 0 if nothing is known."""
        cost = self.kinds.get(kind_of(config))
        return (0.0, 0.0) if cost is None else cost.parts(config, missing, trained)

    def memory_mb(self, config: TrainConfig) -> float:
        """Memory of a worker that does a run; 0 if nothing is known."""
        cost = self.kinds.get(kind_of(config))
        return 0.0 if cost is None else cost.memory_mb

    def weights_mb(self, config: TrainConfig) -> float:
        """Size of the trained weights of a run; 0 if nothing is known."""
        cost = self.kinds.get(kind_of(config))
        return 0.0 if cost is None else cost.weights_mb


def measure(
    configs: Iterable[TrainConfig],
    open_engine: Callable[[Callable, int], base.Engine],
    workers: int,
    accept: Callable[[TrainConfig, dict], None] | None = None,
) -> Costs:
    """The costs of these runs, measured where they are not remembered.

    `open_engine(work, workers)` makes the engine of the pilots; `workers`: runs at the same time in the campaign. One
    run of each further file of initial weights is set up too, and with `accept` one of each remembered kind;
    `accept(config, outcome)` is called for all of them with `data_sha256` and `machine`, to raise ConfigError for other
    data. Raises ConfigError for a wrong configuration, and if no run at all can be set up. A kind whose pilot fails
    otherwise has no cost, and a note.
    """
    costs, runs = _remembered(workers), _distinct(configs)
    good, remembered, trials = dict(costs.kinds), len(costs.kinds), Trials(runs, costs.kinds)
    piloted: list[TrainConfig] = []
    while pilots := trials.next():
        piloted += pilots
        for config, outcome in _tried(tasks.pilot, pilots, open_engine, workers):
            heard = _hear(config, outcome, costs, accept)
            if heard is not None and heard["cost"]:
                trials.learn(config, Cost(**heard["cost"]), heard["busy"])
            else:
                trials.fail()
    looked = _to_look_at(runs, piloted, good if accept is not None else {})
    for config, outcome in _tried(tasks.look, looked, open_engine, workers):
        _hear(config, outcome, costs, accept)
    _refuse_if_none(costs.failures, len(piloted) + len(looked))
    for kind, (cost, rough) in trials.costs().items():
        costs.kinds[kind] = cost
        if rough:
            costs.rough.add(kind)
        else:
            good[kind] = cost
    if costs.rough:
        costs.note("the machine was busy while costs were measured: times are rough estimates")
    server = fork_server.pid()
    if piloted and server is not None:
        costs.shared_mb = max(costs.shared_mb, memory.peak_mb(server) or 0.0)
    if len(good) > remembered:
        _remember(Costs(good, costs.shared_mb, costs.machine), workers)
    return costs


def _hear(
    config: TrainConfig, outcome: dict | base.Failure, costs: Costs, accept: Callable[[TrainConfig, dict], None] | None
) -> dict | None:
    """Take what a trial says beside costs; returns its outcome, or None if it failed."""
    if isinstance(outcome, base.Failure):
        _refuse_or_note(config, outcome, costs)
        return None
    if accept is not None:
        accept(config, outcome)
    costs.machine = outcome["machine"]
    costs.note(*notes.spared(config, outcome["not_noised"]))
    return outcome


def _distinct(configs: Iterable[TrainConfig]) -> list[TrainConfig]:
    """The first run of each kind and file of initial weights."""
    first: dict[tuple[str, str | None], TrainConfig] = {}
    for config in configs:
        first.setdefault((kind_of(config), config.initial_weights_sha256), config)
    return [*first.values()]


def _to_look_at(runs: list[TrainConfig], piloted: list[TrainConfig], known: Mapping[str, Cost]) -> list[TrainConfig]:
    """The runs that are only set up: one of each known kind, and of each training that starts from other weights."""

    def start(config: TrainConfig) -> tuple[str, str | None]:
        return training_kind(config), config.initial_weights_sha256

    seen, kinds, looked = {start(config) for config in piloted}, set(), []
    for config in runs:
        kind = kind_of(config)
        of_weights = config.initial_weights is not None and start(config) not in seen
        if of_weights or (kind in known and kind not in kinds):
            looked.append(config)
            seen.add(start(config))
        kinds.add(kind)
    return looked


def path(workers: int) -> Path:
    """The file of the costs for this many workers."""
    made_by = repr((code_sha256(), processor(), version("torch"), plain_layers(), workers))
    digest = hashlib.sha256(made_by.encode()).hexdigest()[:8]
    return cache_root() / "costs" / f"{HOST.replace(':', '-')}-{digest}.json"


def _tried(
    work: Callable, runs: list[TrainConfig], open_engine: Callable, workers: int
) -> Iterable[tuple[TrainConfig, dict | base.Failure]]:
    """Each of these runs with its outcome, side by side as far as the memory suffices.

    Every worker does one of them, because the memory of a process is known by its peak. All threads have a core.
    """
    shared_gpu = any(config.use_cuda for config in runs)
    fitting = workers // max((config.threads for config in runs), default=1)
    width = 1 if shared_gpu else int(max(1, min(len(runs), fitting, memory.free_mb() // PILOT_MB)))
    for start in range(0, len(runs), width):
        with open_engine(work, width) as engine:
            yield from engine.outcomes(runs[start : start + width])


def _refuse_or_note(config: TrainConfig, failure: base.Failure, costs: Costs) -> None:
    if failure.error == ConfigError.__name__:
        raise ConfigError(failure.message)
    costs.failures.append(failure)
    how = f" {failure.how}" if isinstance(failure, base.Death) else ""
    costs.note(f"{config.run_id} was tried and failed: {failure.error}: {failure.message}{how}")


def _refuse_if_none(failures: list[base.Failure], tried: int) -> None:
    """Raise ConfigError if nothing that was tried can be set up: what hits every run is no failure of each of them."""
    if failures and len(failures) == tried and {failure.error for failure in failures} == {CANNOT_SET_UP}:
        complain(failures[0].traceback)
        raise ConfigError(f"nothing that was tried can be set up: {failures[0].message}")


def _remembered(workers: int) -> Costs:
    try:
        stored = checked_json.load(path(workers), FORM)
    except (OSError, outside.Unreadable):
        return Costs()
    return Costs({kind: Cost(**cost) for kind, cost in stored["kinds"].items()}, stored["shared_mb"], stored["machine"])


def _remember(costs: Costs, workers: int) -> None:
    kinds = {kind: asdict(cost) for kind, cost in costs.kinds.items()}
    try:
        about = {"shared_mb": costs.shared_mb, "machine": costs.machine, "kinds": kinds}
        checked_json.save(path(workers), about, lines=True)
    except CannotWrite as error:
        complain(f"warning: measured costs cannot be kept: {error}")
