"""What workers take of the files and processes that the system grants, and how many workers that allows."""

import os
import resource
import threading
from contextlib import ExitStack
from pathlib import Path

from campaign.machine.cores import MEMBERSHIP, ROOT, cgroups

FILES = 12
"""Open files of the launcher for each worker: pipes, and some to spare."""
FILES_ELSE = 64
TASKS = 5
"""Threads for each worker, beside those with which it computes: two in the launcher, and three in the worker."""
TASKS_ELSE = 16
UNLIMITED = float("inf")


def raise_limits(workers: int) -> None:
    """Raise this process's soft limits, as far as it may, to what `workers` workers need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _open_files() + FILES_ELSE + FILES * workers
    if 0 <= soft < needed:
        _raise(resource.RLIMIT_NOFILE, needed if hard < 0 else min(needed, hard), hard)
    if hasattr(resource, "RLIMIT_NPROC"):
        soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        if soft != hard:
            _raise(resource.RLIMIT_NPROC, hard, hard)


def fitting_workers(workers: int, threads: int) -> tuple[int, str]:
    """How many of `workers` with `threads` threads the limits allow, at least 1, and which limit is the least."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = {
        f"{files} open files (ulimit -n)": (_finite(files) - _open_files() - FILES_ELSE) // FILES,
        "the processes of this user (ulimit -u, pids.max)": (_free_tasks() - TASKS_ELSE) // (TASKS + threads),
    }
    least = min(allowed, key=lambda name: allowed[name])
    return int(max(1, min(workers, allowed[least]))), least


def require_room(threads: int) -> None:
    """Raise OSError or RuntimeError unless this process may open the files and start the threads of one more worker.

    A fork server that fails to fork would end, and its workers with it.
    """
    done = threading.Event()
    with ExitStack() as stack:
        for _ in range(FILES):
            stack.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        stack.callback(done.set)
        for _ in range(TASKS + threads):
            thread = threading.Thread(target=done.wait, daemon=True)
            thread.start()


def free_tasks_of_groups(root: Path = ROOT, membership: Path = MEMBERSHIP) -> float:
    """How many more processes and threads the cgroups of this process allow; infinite without a limit."""
    free = [UNLIMITED]
    for _, folder in cgroups("pids", root, membership):
        try:
            most, now = (folder / "pids.max").read_text().strip(), int((folder / "pids.current").read_text())
            free.append(float(most.replace("max", "inf")) - now)
        except (OSError, ValueError):
            continue
    return min(free)


def _free_tasks() -> float:
    """How many more processes and threads this user may have; the system does not limit its own user."""
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1] if hasattr(resource, "RLIMIT_NPROC") else -1
    free = UNLIMITED if os.getuid() == 0 or most < 0 else most - _tasks_of_user()
    return min(free, free_tasks_of_groups())


def _tasks_of_user() -> int:
    count = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if path.stat().st_uid == os.getuid():
                count += len(os.listdir(path / "task"))
        except OSError:
            continue
    return count


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return FILES_ELSE


def _finite(limit: int) -> float:
    return UNLIMITED if limit < 0 else limit


def _raise(limit: int, soft: int, hard: int) -> None:
    try:
        resource.setrlimit(limit, (soft, hard))
    except (OSError, ValueError):  # the system's own limit is lower: fewer workers will start
        pass
