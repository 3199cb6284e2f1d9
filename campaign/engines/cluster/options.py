"""What a job of a cluster asks for, from the command line and from cluster.toml."""

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

from nnet import registry
from nnet.checks import ConfigError, whole_number
from nnet.files import outside

FLAGS = {
    "scheduler": "address of a running Dask scheduler, like tls://host:8786, or its file",
    "queue": "queue or partition of the jobs",
    "walltime": "time limit of a job, hours:minutes",
    "cores": "cores of a job",
    "memory": "memory of a job, with its unit, like 48GB",
    "processes": "runs at the same time in a job; default: one per core and thread",
    "jobs": "number of jobs, like 4, or 1-8 to follow the work",
    "interface": "network interface on which jobs reach the launcher, like ib0",
    "directives": "a directive of the jobs, like --directives=--account=project; repeatable",
}
"""Flags of engine options; cluster.toml may set these and all others."""
WHOLE_NUMBERS = ("cores", "processes")
REPEATED = ("directives",)


@dataclass
class Options:
    """The jobs of one campaign on a cluster. Raises ConfigError for a wrong value."""

    queue: str | None = None
    """Queue (LSF) or partition (Slurm); None takes the default of the site. Default None."""
    walltime: str | None = None
    """Time limit of a job, hours:minutes. Default None."""
    cores: int = 1
    """Cores of a job, all on one machine. Default 1."""
    memory: str | None = None
    """Memory of a job, a whole number and GB. Default None."""
    processes: int | None = None
    """Runs at the same time in a job; None takes one per core and thread. Default None."""
    jobs: str = "1"
    """Number of jobs, or two bounds like 1-8: as many as there is work for. Default 1."""
    interface: str | None = None
    """Network interface on which jobs reach the launcher; None: loopback, for jobs on this machine. Default None."""
    directives: list[str] = field(default_factory=list)
    """Further directives of a job, verbatim, without #SBATCH or #BSUB. Default none."""
    setup: list[str] = field(default_factory=list)
    """Lines of shell at the beginning of a job, like `module load python`. Default none."""

    def __post_init__(self):
        for name in ("queue", "interface"):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(r"[\w.,:@+-]+", str(value)):
                raise ConfigError(f"{name} must be a name without blanks; got {value!r}")
        for name in WHOLE_NUMBERS:
            if getattr(self, name) is not None:
                setattr(self, name, whole_number(name, getattr(self, name), smallest=1))
        if self.walltime is not None and not re.fullmatch(r"(?!0+:00)\d+:[0-5]\d", str(self.walltime)):
            raise ConfigError(f"walltime is hours:minutes, like 24:00; got {self.walltime!r}")
        if self.memory is not None and not re.fullmatch(r"[1-9]\d*GB", str(self.memory)):
            raise ConfigError(f"memory is a whole number of GB with its unit, like 48GB; got {self.memory!r}")
        self.jobs = str(self.jobs)
        bounds = self.bounds
        if not 0 < bounds[1] or bounds[0] > bounds[1]:
            raise ConfigError(f"jobs is a number like 4 or two bounds like 1-8; got {self.jobs!r}")
        for name in ("directives", "setup"):
            lines = getattr(self, name)
            if not isinstance(lines, list) or not all(isinstance(line, str) and "\n" not in line for line in lines):
                raise ConfigError(f"{name} must be a list of lines; got {lines!r}")

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest number of jobs; equal unless the number follows the work; (0, 0) if `jobs` is wrong."""
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", self.jobs)
        return (int(match[1]), int(match[2] or match[1])) if match else (0, 0)

    def per_job(self, cpu_threads: int) -> int:
        """Runs at the same time in one job, each with `cpu_threads` threads."""
        return self.processes or max(1, self.cores // cpu_threads)

    @property
    def memory_gb(self) -> int | None:
        """The memory of a job in GB."""
        return None if self.memory is None else int(self.memory.removesuffix("GB"))


def capacity(options: Options, cpu_threads: int) -> int:
    """How many runs with `cpu_threads` threads the largest number of jobs can do at once.

    Raises ConfigError for jobs without a limit of memory or time, and for an unknown network interface.
    """
    for name in ("memory", "walltime"):
        if getattr(options, name) is None:
            raise ConfigError(f"jobs need {name}: give --{name}, or a line in cluster.toml")
    interfaces = [name for _, name in socket.if_nameindex()]
    if options.interface is not None and options.interface not in interfaces:
        raise ConfigError(f"this machine has no network interface {options.interface!r}; choose from {interfaces}")
    return options.bounds[1] * options.per_job(cpu_threads)


def options(section: str, given: dict, path: str | None) -> dict:
    """The options of an engine or a job script by name: those of `section` in cluster.toml, overridden by the flags.

    `path`: of that file; None takes cluster.toml of this folder, if it exists. Raises ConfigError for a file that
    cannot be read.
    """
    file = Path(path or "cluster.toml")
    chosen = {}
    if path is not None or file.exists():
        try:
            sections = outside.toml(file)
        except FileNotFoundError:
            raise ConfigError(f"there is no file {file}") from None
        except OSError as error:
            raise ConfigError(f"cannot read {file}: {error.strerror}") from error
        except outside.Unreadable as error:
            raise ConfigError(str(error)) from error
        for name in sections:
            registry.require("campaign.engines", name, f"section of {file}")
        chosen = sections.get(section, {})
        if not isinstance(chosen, dict):
            raise ConfigError(f"{section} in {file} must be a table")
    return chosen | {name: value for name, value in given.items() if value is not None}
