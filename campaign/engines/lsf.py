"""Dask workers in jobs of LSF, which this program submits and cancels."""

import shlex
from contextlib import AbstractContextManager

from campaign.engines.cluster.engine import ClusterEngine
from campaign.engines.cluster.options import Options, capacity
from nnet.config import TrainConfig

__all__ = ["Engine", "Options", "capacity", "directives"]

NEEDS = ("dask", "distributed", "cryptography", "dask_jobqueue")
COMMANDS = ("bsub", "bkill")
PILOT = "process"
SUBMIT = "bsub <"
ARRAY_INDEX = "LSB_JOBINDEX"
NOTE = "memory is per job here; where the site reserves it per slot, divide it by the cores"


class Engine(ClusterEngine):
    """At most `workers` runs at a time, one on each core and thread of the jobs."""

    def client(self, config: TrainConfig) -> AbstractContextManager:
        """A client of a scheduler of this process, whose workers are in jobs."""
        from campaign.engines.cluster.jobqueue import dask_jobqueue
        from campaign.engines.cluster.jobs import jobs

        class Job(dask_jobqueue.lsf.LSFJob):
            async def _submit_job(self, script_filename):  # as in LSFJob, but it keeps the error message of bsub
                return await self._call([f"{self.submit_command} < {shlex.quote(script_filename)}"], shell=True)

        options = self.options or Options()
        settings = {
            "job_cls": Job,
            "ncpus": options.cores,
            "walltime": options.walltime,
            "lsf_units": "gb",
            "job_directives_skip": ["-M"],  # its unit differs from site to site
            "job_extra_directives": [f'-R "rusage[mem={options.memory}]"', *options.directives],
        }
        return jobs(dask_jobqueue.LSFCluster, options, settings, config, self.workers)


def directives(options: Options, name: str) -> list[str]:
    """The lines of a printed script that ask for an array of jobs with this name."""
    queue = [f"-q {options.queue}"] if options.queue else []
    return ["#BSUB " + line for line in (
        f'-J "{name}[1-{options.jobs}]"', *queue, f"-n {options.cores}", '-R "span[hosts=1]"',
        f'-R "rusage[mem={options.memory}]"', f"-W {options.walltime}", f"-o {name}-%J_%I.out", *options.directives,
    )]  # fmt: skip
