"""The engine of everything that works through Dask; how its scheduler is reached or started differs."""

import time
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from campaign.engines import base
from nnet.config import TrainConfig


class ClusterEngine(base.Engine):
    """Opens a Dask client for the first run. The packages are imported then, so that engines can be listed without."""

    def set_up(self) -> None:
        """No client yet."""
        self.opened = ExitStack()
        self.pool: Any = None
        self.waiting: tuple[TrainConfig, dict | None] | None = None

    def client(self, config: TrainConfig) -> AbstractContextManager:
        """Context of (client, tend): `tend(pool)` is called several times a second. `config`: the first run."""
        raise NotImplementedError

    @property
    def room(self) -> bool:
        """Whether a worker is free, or none has been asked for yet."""
        if self.pool is None:
            return True
        return self.waiting is None and bool(self.pool.free) and len(self.pool.busy) < self.workers

    def start(self, config: TrainConfig, known: dict | None = None) -> None:
        """Start a run; the first one waits for its worker. Raises OSError if no scheduler can be reached or started."""
        base.refuse_shared_gpu([config], self.workers)
        if self.pool is None:
            self._open(config)
            self.waiting = config, known
        else:
            self.pool.start(config, known)

    def ended(self, wait_s: float) -> list[tuple[TrainConfig, dict | base.Failure]]:
        """The runs that have ended, with their outcomes. Raises ConnectionError if the scheduler is gone."""
        if self.pool is None:
            time.sleep(wait_s)
            return []
        outcomes = self.pool.ended(wait_s)
        if self.waiting is not None and self.pool.free:
            self.pool.start(*self.waiting)
            self.waiting = None
        self.tend(self.pool)
        return outcomes

    def close(self) -> None:
        """Give up what is under way, and end the workers, jobs and scheduler that this engine has started."""
        self.opened.close()

    def _open(self, config: TrainConfig) -> None:
        from campaign.engines.cluster.pool import Pool

        client, self.tend = self.opened.enter_context(self.client(config))
        self.pool = Pool(client, self.work, self.timeout_s, config)
        self.opened.callback(self.pool.close)
