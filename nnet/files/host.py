"""This machine and its processes, told from other machines that share a folder with it."""

import os
import socket
from pathlib import Path

FIRST_NAMESPACE = "pid:[4026531836]"


def _namespace() -> str | None:
    """The pid namespace of this process; None if it cannot be told."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _host() -> str:
    """The name of this machine; in a container also its pid namespace, because pids are unique only within it."""
    name, namespace = socket.gethostname().split(".")[0], _namespace()
    return name if namespace in (None, FIRST_NAMESPACE) else f"{name}:{namespace[5:-1]}"


def _boot() -> str:
    """An id of this machine that changes when it restarts; without /proc, the full host name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


HOST, BOOT = _host(), _boot()
"""Two machines may have one name; they never have one boot id. Only with both is a pid one of this machine."""


def start_of(pid: int) -> str | None:
    """When a process of this machine started, as a text that is unique to it; None if that cannot be seen."""
    status = status_of(pid)
    return None if status is None else f"{BOOT}/{status[19]}"


def runs(pid: int, started: str | None = None) -> bool | None:
    """Whether a process of this machine runs, and it is the one that `started` then; None if that cannot be seen."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # it runs, and belongs to another user
    status = status_of(pid)
    if status is None:
        return None
    return status[0] not in "ZX" and started in (None, f"{BOOT}/{status[19]}")


def status_of(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None if they cannot be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None
