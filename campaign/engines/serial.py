"""One run after the other in this very process: for debugging."""

from collections.abc import Callable, Iterator, Sequence

from campaign.engines import base
from nnet.config import TrainConfig


def run(
    configs: Sequence[TrainConfig], work: Callable[[TrainConfig], dict], workers: int = 1
) -> Iterator[tuple[TrainConfig, dict | base.Failure]]:
    """Yield (config, outcome) for each configuration in turn, however many `workers` are asked for."""
    base.check(configs, workers)
    for config in configs:
        yield config, base.attempt(work, config)
