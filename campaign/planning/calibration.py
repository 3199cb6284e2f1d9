"""What each kind of run costs on this machine, measured once and remembered.

The first run of a kind is tried alone, for its memory; then as many at once as will work at once, because cores
share caches, memory and clock. What was measured is kept in the cache folder, in a file with the machine's name, for
the same code, processor and number of workers. Whoever deletes the file has it measured again.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from campaign.engines import base
from campaign.engines.workers import fork_server, tasks
from campaign.machine import memory
from campaign.running.progress import say
from nnet.config import TrainConfig
from nnet.files.atomic import HOST, CannotWrite, write_file
from nnet.files.cache import cache_root
from nnet.record.cost import Cost, kind_of
from nnet.record.provenance import code_sha256, processor


@dataclass(frozen=True)
class Calibration:
    """One kind of run on this machine."""

    cost: Cost
    memory_mb: float
    """What one worker takes for itself."""
    trying_s: float
    """What it takes to try one such run before a campaign starts, in a worker of its own."""


@dataclass
class Calibrations:
    """All kinds that are known on this machine, by kind, and what a campaign takes beside its runs."""

    kinds: dict[str, Calibration]
    starting_s: float = 0.0
    """Until the first worker works: the process from which workers are forked imports everything once."""
    shared_mb: float = 0.0
    """Memory of that process."""

    def of(self, config: TrainConfig) -> Calibration:
        """The calibration of one run."""
        return self.kinds[kind_of(config)]


def calibrated(configs: Sequence[TrainConfig], engine: Callable, workers: int) -> Calibrations:
    """The calibrations of these runs, measured where they are not known yet.

    `workers`: how many will work at once. Raises ValueError where a run cannot be set up or a step of it fails.
    """
    known = _read(workers)
    missing = {kind: config for config in configs if (kind := kind_of(config)) not in known.kinds}
    for number, (kind, config) in enumerate(missing.items(), 1):
        say(f"calibrating {number} of {len(missing)}: {config.arch}, {config.activation}, p = {config.p:g}", sys.stderr)
        if number == 1:
            start = time.perf_counter()
            _outcomes(engine, config, tasks.nothing, 1)
            known.starting_s = max(known.starting_s, time.perf_counter() - start)
        known.kinds[kind] = _measured(config, engine, workers)
        server = fork_server.pid()
        known.shared_mb = max(known.shared_mb, memory.peak_mb(server) or 0.0) if server is not None else 0.0
        try:
            _write(known, workers)
        except CannotWrite as error:
            say(f"warning: what was measured cannot be kept: {error}", sys.stderr)
    return known


def path(workers: int) -> Path:
    """The file of the calibrations for so many workers."""
    made_by = hashlib.sha256(repr((code_sha256(), processor(), workers)).encode()).hexdigest()[:8]
    return cache_root() / "calibrations" / f"{HOST.replace(':', '-')}-{made_by}.json"


def _measured(config: TrainConfig, engine: Callable, workers: int) -> Calibration:
    start = time.perf_counter()
    (alone,) = _outcomes(engine, config, tasks.estimate, 1)
    trying = time.perf_counter() - start
    copies = memory.fitting_workers([alone["memory_mb"]] * workers, workers, memory.free_mb())
    found = [outcome["cost"] for outcome in (alone, *_outcomes(engine, config, tasks.calibrate, copies))]
    if None in found:
        raise ValueError(f"a training step of {config.run_id} fails; start this run to see why")
    parts = {name: fmean(cost[name] for cost in found[1:]) for name in found[0]}
    return Calibration(Cost(**parts), alone["memory_mb"], trying)


def _outcomes(engine: Callable, config: TrainConfig, what: Callable, copies: int) -> list[dict]:
    """What so many runs at once return, the first of them to fail aside: that is a ValueError."""
    outcomes = [base.Lost("", "", "")]
    while any(isinstance(outcome, base.Lost) for outcome in outcomes):
        with closing(engine([config] * copies, what, copies)) as events:
            outcomes = [event[1] for event in events if event is not None]
    for outcome in outcomes:
        if isinstance(outcome, base.Failure):
            how = f" {outcome.how}" if isinstance(outcome, base.Death) else ""
            raise ValueError(f"{outcome.message}{how}")
    return outcomes


def _read(workers: int) -> Calibrations:
    try:
        found = json.loads(path(workers).read_text())
        kinds = {kind: Calibration(**row | {"cost": Cost(**row["cost"])}) for kind, row in found["kinds"].items()}
        return Calibrations(**found | {"kinds": kinds})
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Calibrations({})


def _write(known: Calibrations, workers: int) -> None:
    write_file(path(workers), json.dumps(asdict(known), indent=1).encode())
