"""Dask workers in jobs of Slurm, which this program submits and cancels."""

from contextlib import AbstractContextManager

from campaign.engines.cluster.engine import ClusterEngine
from campaign.engines.cluster.options import Options, capacity
from nnet.config import TrainConfig

__all__ = ["Engine", "Options", "capacity", "directives"]

NEEDS = ("dask", "distributed", "cryptography", "dask_jobqueue")
COMMANDS = ("sbatch", "scancel")
PILOT = "process"
SUBMIT = "sbatch"
ARRAY_INDEX = "SLURM_ARRAY_TASK_ID"


class Engine(ClusterEngine):
    """At most `workers` runs at a time, one on each core and thread of the jobs."""

    def client(self, config: TrainConfig) -> AbstractContextManager:
        """A client of a scheduler of this process, whose workers are in jobs."""
        from campaign.engines.cluster.jobqueue import dask_jobqueue
        from campaign.engines.cluster.jobs import jobs

        options = self.options or Options()
        settings = {
            "job_cpu": options.cores,
            "job_mem": str(options.memory).removesuffix("B"),
            "walltime": f"{options.walltime}:00",
            "job_extra_directives": options.directives,
        }
        return jobs(dask_jobqueue.SLURMCluster, options, settings, config, self.workers)


def directives(options: Options, name: str) -> list[str]:
    """The lines of a printed script that ask for an array of jobs with this name."""
    queue = [f"--partition={options.queue}"] if options.queue else []
    return ["#SBATCH " + line for line in (
        f"--job-name={name}", f"--array=1-{options.jobs}", *queue, "--nodes=1", "--ntasks=1",
        f"--cpus-per-task={options.cores}", f"--mem={str(options.memory).removesuffix('B')}",
        f"--time={options.walltime}:00", f"--output={name}-%A_%a.out", "--signal=B:TERM@60", *options.directives,
    )]  # fmt: skip
