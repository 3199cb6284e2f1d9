"""The threads of the runs whose `cpu_threads` is "auto", once they are chosen."""

import copy
from dataclasses import dataclass, field

from nnet.config import TrainConfig


def with_threads(config: TrainConfig, threads: int) -> TrainConfig:
    """The same run with this many threads; the identity of its files stays that of when it was configured."""
    changed = copy.copy(config)
    object.__setattr__(changed, "cpu_threads", threads)
    return changed


@dataclass(frozen=True)
class Choice:
    """The threads of runs, and what they are for."""

    threads: dict[str, int] = field(default_factory=dict)
    """By run_id; a run that is not there has one thread, and may still get another number."""
    cores: int | None = None
    """Most threads of all runs that are under way at the same time; None if nothing but the workers limits them."""
    single_s: dict[str, float] = field(default_factory=dict)
    """Estimated seconds with one thread, by run_id, of the runs that were given more."""
    single_wall_s: float | None = None
    """Estimated seconds until the last run would end if each had one thread; None if nothing was chosen."""

    def of(self, config: TrainConfig) -> TrainConfig:
        """The run with its threads."""
        threads = self.threads.get(config.run_id, 1)
        return config if threads == 1 or config.cpu_threads != "auto" else with_threads(config, threads)
