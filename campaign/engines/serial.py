"""One run after the other in this very process, for debugging."""

import time

from campaign.engines import base
from campaign.machine import signals
from nnet.checks import ConfigError
from nnet.config import TrainConfig

WORKERS = 1


class Engine(base.Engine):
    """Does each run inside `ended`, one at a time, however many `workers` are asked for."""

    def set_up(self) -> None:
        """Raises ConfigError for a `timeout_s`: no other process is there to end a run."""
        if self.timeout_s is not None:
            raise ConfigError("run_timeout_s needs the engine 'process': the engine 'serial' cannot end a run")
        self.waiting: tuple[TrainConfig, dict | None] | None = None

    @property
    def room(self) -> bool:
        """Whether no run is waiting."""
        return self.waiting is None

    def start(self, config: TrainConfig, known: dict | None = None) -> None:
        """Keep the run for `ended`."""
        base.refuse_shared_gpu([config], self.workers)
        self.waiting = config, known

    def ended(self, wait_s: float) -> list[tuple[TrainConfig, dict | base.Failure]]:
        """Do the run that was started; an interruption ends it at once."""
        if self.waiting is None:
            time.sleep(wait_s)
            return []
        (config, known), self.waiting = self.waiting, None
        with signals.allowed():
            return [(config, base.attempt(self.work, config, known))]
