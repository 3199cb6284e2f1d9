"""Dask workers in jobs of LSF, which this program submits and cancels."""

import functools
from collections.abc import Callable, Iterable, Iterator

from campaign.engines import base
from campaign.engines.cluster.options import Options, capacity
from nnet.config import TrainConfig

__all__ = ["Options", "capacity", "run"]

NEEDS = ("dask", "distributed", "dask_jobqueue")
COMMANDS = ("bsub", "bkill")
PILOT = "process"


def run(
    configs: Iterable[TrainConfig | None],
    work: Callable[[TrainConfig], dict],
    workers: int,
    timeout_s: float | None = None,
    options: Options | None = None,
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """Yield (config, outcome) as runs finish, at most `workers` at a time, one on each core and thread of the jobs."""
    from campaign.engines.cluster.jobqueue import LSFCluster, LSFJob
    from campaign.engines.cluster.jobs import jobs
    from campaign.engines.cluster.loop import runs

    class Job(LSFJob):
        async def _submit_job(self, script_filename):  # as LSFJob has it, but what bsub complains of is not lost
            return await self._call([f"{self.submit_command} < {script_filename}"], shell=True)

    options = options or Options()
    reservation = f'-R "rusage[mem={options.memory}]"'
    own = {
        "job_cls": Job,
        "ncpus": options.cores,
        "walltime": options.walltime,
        "lsf_units": "gb",
        "job_directives_skip": ["-M"],  # a limit in the site's unit, whichever that is
        "job_extra_directives": [reservation, *options.directives],
    }
    return runs(configs, work, workers, timeout_s, functools.partial(jobs, LSFCluster, options, own))
