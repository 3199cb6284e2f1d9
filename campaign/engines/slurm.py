"""Dask workers in jobs of Slurm, which this program submits and cancels."""

import functools
from collections.abc import Callable, Iterable, Iterator

from campaign.engines import base
from campaign.engines.cluster.options import Options, capacity
from nnet.config import TrainConfig

__all__ = ["Options", "capacity", "run"]

NEEDS = ("dask", "distributed", "dask_jobqueue")
COMMANDS = ("sbatch", "scancel")
PILOT = "process"


def run(
    configs: Iterable[TrainConfig | None],
    work: Callable[[TrainConfig], dict],
    workers: int,
    timeout_s: float | None = None,
    options: Options | None = None,
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """Yield (config, outcome) as runs finish, at most `workers` at a time, one on each core and thread of the jobs."""
    from campaign.engines.cluster.jobqueue import SLURMCluster
    from campaign.engines.cluster.jobs import jobs
    from campaign.engines.cluster.loop import runs

    options = options or Options()
    own = {
        "job_cpu": options.cores,
        "job_mem": options.memory.removesuffix("B"),
        "walltime": f"{options.walltime}:00",
        "job_extra_directives": options.directives,
    }
    return runs(configs, work, workers, timeout_s, functools.partial(jobs, SLURMCluster, options, own))
