"""One run after the other in this very process: for debugging."""

import time
from collections.abc import Callable, Iterable, Iterator

from campaign.engines import base
from campaign.machine import signals
from nnet.config import TrainConfig


def run(
    configs: Iterable[TrainConfig | None],
    work: Callable[[TrainConfig], dict],
    workers: int = 1,
    timeout_s: float | None = None,
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """Yield (config, outcome) for each configuration in turn, however many `workers` are asked for.

    Raises ValueError for a `timeout_s`: nobody is there who could end a run.
    """
    base.check([], workers)
    if timeout_s is not None:
        raise ValueError("run_timeout_s needs the engine 'process': the engine 'serial' cannot end a run")
    for config in configs:
        if config is None:
            time.sleep(base.TICK_S)
        else:
            base.check([config], workers)
            with signals.allowed():
                outcome = base.attempt(work, config)
            yield config, outcome
        yield None
