"""Workers of a running Dask scheduler; without `scheduler`, of a temporary one on this machine, to try Dask out."""

from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from campaign.engines.cluster.engine import ClusterEngine
from nnet.checks import ConfigError
from nnet.config import TrainConfig

NEEDS = ("dask", "distributed", "cryptography")
PILOT = "process"
RESTART_S = 15
"""Seconds for which a scheduler without workers is given the time to get one."""


@dataclass
class Options:
    scheduler: str | None = None
    """Address of a running scheduler (tls://host:8786, or tcp://…) or its scheduler file. None: a temporary one.
    Default None."""


def capacity(options: Options, cpu_threads: int) -> int | None:
    """Number of single-threaded workers of the scheduler; None if workers are started on this machine.

    Raises ConfigError if the scheduler does not answer or has no such worker.
    """
    if options.scheduler is None:
        return None
    from campaign.engines.cluster.clients import connected

    try:
        with connected(options.scheduler) as (client, _):
            with suppress(TimeoutError):  # those of a launcher that was killed are being started again
                client.wait_for_workers(1, timeout=RESTART_S)
            threads = client.nthreads().values()
    except ConnectionError as error:
        raise ConfigError(str(error)) from error
    if 1 not in threads:
        raise ConfigError(f"the scheduler at {options.scheduler} has no worker of one thread (--nthreads 1)")
    return sum(number == 1 for number in threads)


class Engine(ClusterEngine):
    """At most `workers` runs at a time, one on each worker."""

    def client(self, config: TrainConfig) -> AbstractContextManager:
        """A client of the scheduler."""
        from campaign.engines.cluster.clients import connected, local

        scheduler = (self.options or Options()).scheduler
        return local(config, self.workers) if scheduler is None else connected(scheduler)
