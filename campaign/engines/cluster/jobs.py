"""Dask workers in jobs of a cluster: submitted by dask-jobqueue, replaced when they end, cancelled in the end."""

import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, Status

from campaign.engines.cluster import clients, private
from campaign.engines.cluster.jobqueue import JobQueueCluster
from campaign.engines.cluster.options import Options
from campaign.engines.cluster.pool import Pool
from campaign.engines.workers.environment import exported_limits
from campaign.engines.workers.fork_server import ROOT
from campaign.machine.console import complain
from nnet.config import TrainConfig

LOOK_EVERY_S, ENDED_S, IDLE_S, REFUSED_S = 5.0, 15.0, 60.0, 60.0
"""Seconds between two looks; without workers after which a job has ended; without work after which it is given back;
and to wait after the cluster has refused a job."""
LOGS = "cluster-logs"
"""Folder for what the jobs print, and during a campaign for its keys: the jobs must see it."""


@contextmanager
def jobs(
    kind: type[JobQueueCluster], options: Options, settings: dict, config: TrainConfig, workers: int
) -> Iterator[tuple[Client, Callable[[Pool], None]]]:
    """A client of a scheduler of this process, and as many jobs as `workers` need.

    `settings`: the arguments of this kind of cluster beside the common ones. No job is left in the queue at the end.
    Raises ChildProcessError, with the message of the job scheduler, if a job cannot be submitted.
    """
    processes = options.per_job(config.threads)
    least, most = options.bounds
    wanted = min(most, max(least, math.ceil(workers / processes)))
    scheduler = {"dashboard": False, "dashboard_address": f"{clients.LOOPBACK}:0"}
    listening = []
    if options.interface is None:
        scheduler["host"] = clients.LOOPBACK
        listening = ["--host", clients.LOOPBACK]
    arguments = {
        "cores": processes, "processes": processes, "memory": options.memory, "queue": options.queue,
        "interface": options.interface, "scheduler_options": scheduler, "worker_extra_args": listening,
        "python": shlex.quote(sys.executable), "log_directory": LOGS, "protocol": private.PROTOCOL, **settings,
        "job_cls": private.job(settings.get("job_cls", kind.job_cls)),  # type: ignore[misc]
    }  # fmt: skip
    with clients.quiet(), private.folder(Path(LOGS)) as folder, dask.config.set(clients.settings(folder)):
        arguments["job_script_prologue"] = _prologue(options, config, folder)
        with _started(kind, arguments, folder) as cluster:
            cluster.sync(_submit, cluster, wanted)
            with Client(cluster, set_as_default=False) as client:
                yield client, _Tending(cluster, wanted, least if least < most else wanted)


def _started(kind: type[JobQueueCluster], arguments: dict, folder: Path) -> JobQueueCluster:
    try:
        return kind(security=private.in_files(private.security(), folder), **arguments)
    except (RuntimeError, ValueError, OSError) as error:
        raise ChildProcessError(f"a scheduler cannot be started: {' '.join(str(error).split())}") from error


async def _submit(cluster: JobQueueCluster, wanted: int) -> None:
    """Submit jobs until there are `wanted`, on the cluster's event loop. Raises ChildProcessError if one is refused."""
    cluster.scale(jobs=wanted)
    try:
        await cluster._correct_state()  # scale() alone would hide a failure
    except (RuntimeError, ValueError, OSError) as error:
        complaint = str(error).rpartition("stderr:")[2]
        raise ChildProcessError(f"a job cannot be submitted: {' '.join(complaint.split())}") from error
    finally:
        for name, job in list(cluster.workers.items()):
            if job.job_id is None:
                job.status = Status.failed
                del cluster.workers[name], cluster.worker_spec[name]


def _prologue(options: Options, config: TrainConfig, folder: Path) -> list[str]:
    settings = {
        name.replace(".", "__").replace("-", "_").upper(): shlex.quote(str(value))
        for name, value in clients.settings(folder).items()
    }
    return [
        *options.setup,
        exported_limits(config.threads),
        "export " + " ".join(f"DASK_{name}={value}" for name, value in settings.items()),
        f"export PYTHONPATH={shlex.quote(str(ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}",
    ]


class _Tending:
    """Looks after the jobs while runs are under way; called with the pool several times a second."""

    def __init__(self, cluster: JobQueueCluster, wanted: int, least: int):
        self.cluster, self.wanted, self.least = cluster, wanted, least
        self.looked = time.monotonic()
        self.present: dict[str, float] = {}
        self.busy: dict[str, float] = {}
        self.refused = -REFUSED_S

    def __call__(self, pool: Pool) -> None:
        """Replace jobs that have ended; give back jobs that have no work."""
        now = time.monotonic()
        if now - self.looked < LOOK_EVERY_S:
            return
        self.looked = now
        for address, host in pool.hosts.items():
            job = self._job(host.name)
            self.present[job] = now
            if address in pool.busy:
                self.busy[job] = now
            self.busy.setdefault(job, now)
        ended = [job for job, seen in self.present.items() if now - seen > ENDED_S]
        if not pool.free:
            self._replace(ended)
        else:
            self._give_back([job for job in self.present if now - self.busy[job] > IDLE_S])

    def _replace(self, ended: list[str]) -> None:
        for job in ended:
            del self.present[job]
            self.cluster.worker_spec.pop(job, None)
        if len(self.cluster.worker_spec) < self.wanted and time.monotonic() - self.refused > REFUSED_S:
            try:
                self.cluster.sync(_submit, self.cluster, self.wanted)
            except ChildProcessError as error:
                self.refused = time.monotonic()
                complain(f"warning: {error}; tried again in {REFUSED_S:.0f} s")

    def _give_back(self, idle: list[str]) -> None:
        spare = idle[: max(0, len(self.cluster.worker_spec) - self.least)]
        for job in spare:
            del self.present[job]
            self.cluster.worker_spec.pop(job, None)
        if spare:
            self.wanted = len(self.cluster.worker_spec)
            self.cluster.scale(jobs=self.wanted)

    def _job(self, worker: str) -> str:
        """The job of a worker; several workers of one job have its name and a number."""
        return worker if worker in self.cluster.worker_spec else worker.rpartition("-")[0]
