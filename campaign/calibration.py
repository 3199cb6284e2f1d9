"""What each kind of run costs on this machine, measured once and remembered.

The first run of a kind is tried alone, for its memory; then as many at once as will work at once, because cores
share caches, memory and clock. What was measured is kept in the cache folder, in a file with the machine's name, for
the same code, processor and number of workers.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from campaign import fork_server, memory, work
from campaign.engines import base
from campaign.progress import say
from nnet.atomic import HOST, CannotWrite, write_file
from nnet.cache import cache_root
from nnet.config import TrainConfig
from nnet.cost import Cost, kind_of
from nnet.processor import processor
from nnet.source import code_sha256


@dataclass(frozen=True)
class Calibration:
    """One kind of run on this machine."""

    cost: Cost
    memory_mb: float
    """What one worker takes for itself."""
    shared_mb: float
    """What the process takes that workers are forked from, once."""
    starting_s: float
    """From the launch to the first step of the first worker, once."""


def calibrations(configs: Sequence[TrainConfig], engine: Callable, workers: int) -> dict[str, Calibration]:
    """The calibration of each kind of these runs, measured where it is not known yet.

    `workers`: how many will work at once. Raises ValueError where a run cannot be set up or a step of it fails.
    """
    kinds = {kind_of(config): config for config in configs}
    known = _read(workers)
    missing = [kind for kind in kinds if kind not in known]
    for number, kind in enumerate(missing, 1):
        config = kinds[kind]
        say(f"calibrating {number} of {len(missing)}: {config.arch}, {config.activation}, p = {config.p:g}", sys.stderr)
        known[kind] = _measured(config, engine, workers)
    if missing:
        try:
            _write(known, workers)
        except CannotWrite as error:
            say(f"warning: what was measured cannot be kept: {error}", sys.stderr)
    return {kind: known[kind] for kind in kinds}


def _measured(config: TrainConfig, engine: Callable, workers: int) -> Calibration:
    start = time.perf_counter()
    (alone,) = _outcomes(engine([config], work.estimate, 1))
    starting = time.perf_counter() - start
    if alone["cost"] is None:
        raise ValueError(f"a training step of {config.run_id} fails; start this run to see why")
    copies = memory.fitting_workers([alone["memory_mb"]] * workers, workers, memory.free_mb())
    found = _outcomes(engine([config] * copies, work.calibrate, copies))
    parts = {name: fmean(outcome["cost"][name] for outcome in found) for name in alone["cost"]}
    cost = Cost(**parts | {"train_images": alone["cost"]["train_images"]})
    server = fork_server.pid()
    shared = memory.peak_mb(server) if server is not None else None
    return Calibration(cost, alone["memory_mb"], shared or 0.0, starting)


def _outcomes(events: Iterator) -> list[dict]:
    with closing(events):
        outcomes = [event[1] for event in events if event is not None]
    for outcome in outcomes:
        if isinstance(outcome, base.Failure):
            raise ValueError(outcome.message)
    return outcomes


def _path(workers: int) -> Path:
    made_by = hashlib.sha256(repr((code_sha256(), processor(), workers)).encode()).hexdigest()[:8]
    return cache_root() / "calibrations" / f"{HOST.replace(':', '-')}-{made_by}.json"


def _read(workers: int) -> dict[str, Calibration]:
    try:
        found = json.loads(_path(workers).read_text())
        return {kind: Calibration(**row | {"cost": Cost(**row["cost"])}) for kind, row in found.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write(known: dict[str, Calibration], workers: int) -> None:
    content = {kind: asdict(calibration) for kind, calibration in known.items()}
    write_file(_path(workers), json.dumps(content, indent=1).encode())
