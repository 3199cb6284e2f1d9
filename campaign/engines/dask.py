"""Workers of a Dask scheduler: a running one, or without `scheduler` one of its own on this machine, for trying out."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from campaign.engines import base
from nnet.config import TrainConfig

NEEDS = ("dask", "distributed")
PILOT = "process"


@dataclass
class Options:
    scheduler: str | None = None
    """Address of a running scheduler (tcp://host:8786, tls://…) or its scheduler file. Default None: one of its own."""


def capacity(options: Options, cpu_threads: int) -> int | None:
    """The workers that the scheduler has now, each of one thread; None where they are started on this machine.

    Raises ValueError where nobody answers or no worker is there.
    """
    if options.scheduler is None:
        return None
    from campaign.engines.cluster.loop import connected

    try:
        with connected(options.scheduler) as (client, _):
            threads = client.nthreads().values()
    except ConnectionError as error:
        raise ValueError(str(error)) from error
    if 1 not in threads:
        raise ValueError(f"the scheduler at {options.scheduler} has no worker of one thread (--nthreads 1)")
    return sum(number == 1 for number in threads)


def run(
    configs: Iterable[TrainConfig | None],
    work: Callable[[TrainConfig], dict],
    workers: int,
    timeout_s: float | None = None,
    options: Options | None = None,
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """Yield (config, outcome) as runs finish, at most `workers` at a time, one on each worker."""
    from campaign.engines.cluster.loop import connected, local, runs

    scheduler = (options or Options()).scheduler
    return runs(configs, work, workers, timeout_s, local if scheduler is None else lambda *_: connected(scheduler))
