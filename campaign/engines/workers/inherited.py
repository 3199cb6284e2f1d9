"""What a worker has from its launcher, and what the libraries of the fork server between them may have changed."""

import ctypes
import os
import resource
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from nnet.record import provenance

PR_SET_PDEATHSIG = 1
LIMITS = [value for name, value in vars(resource).items() if name.startswith("RLIMIT_")]
OWN = (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR2)
"""Signals for which a new process has the system's own handlers."""


@dataclass(frozen=True)
class State:
    """The cores, the blocked signals and the limits of a process, and the command line that its results state."""

    cores: frozenset[int] | None
    """None where the system knows no affinity."""
    blocked: frozenset[int]
    limits: Mapping[int, tuple[int, int]]
    command: str

    @classmethod
    def now(cls) -> "State":
        """That of this process."""
        cores = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
        blocked = frozenset(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        limits = {limit: resource.getrlimit(limit) for limit in set(LIMITS)}
        return cls(cores, blocked, limits, provenance.command())

    def restore(self) -> None:
        """Give this process the same, as far as it may."""
        os.environ[provenance.COMMAND] = self.command
        for number in OWN:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.blocked)
        for limit, (soft, hard) in self.limits.items():
            with suppress(OSError, ValueError):  # a hard limit that was lowered stays
                resource.setrlimit(limit, (soft, hard))
        if self.cores is not None:
            with suppress(OSError):
                os.sched_setaffinity(0, self.cores)


def end_with(parent: int) -> None:
    """Let the system kill this process, stopped or not, when the process `parent` that started it ends (Linux).

    Strictly, when the thread that started it ends.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before
        os._exit(1)
