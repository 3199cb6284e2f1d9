"""One run on a Dask worker, watched so that no worker goes on for a launcher that is gone."""

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from distributed import Status, Worker, get_worker

from campaign.engines import base
from campaign.engines.cluster import transfer
from campaign.engines.workers.environment import thread_limits
from nnet.config import TrainConfig
from nnet.files.cache import cache_root
from nnet.record.provenance import COMMAND, code_sha256

LOOK_EVERY_S, TELL_S = 0.5, 0.5
ENDED = 3
"""Exit code of a worker that ends itself because its run took too long or nobody waits for it."""


@dataclass(frozen=True)
class Host:
    """What a worker reports when it is greeted."""

    name: str
    process: str
    """Identity of its process; a restarted worker at the same address has another one."""
    machine: str
    """Host name and cache folder: workers with the same value share the files that are sent there."""
    code_sha256: str
    shares_files: bool
    """Whether it can read and write the launcher's folders."""


@dataclass(frozen=True)
class Repeated:
    """A task that did nothing because Dask gave it to another process than intended."""


@dataclass(frozen=True)
class Missing:
    """A task that did nothing because its machine lacks these files of the launcher."""

    paths: tuple[str, ...]


def greet(work: Callable, token: str | None, threads: int, command: str) -> Host:
    """Prepare this worker: set thread limits before torch is imported. Unpickling `work` imports its module.

    `token`: a file of the launcher, or None if nothing has to be shared; `command`: its command line, which results
    state.
    """
    os.environ[COMMAND] = command
    if "torch" not in sys.modules:
        os.environ.update(thread_limits(threads))
    worker = get_worker()
    shares = token is None or os.path.exists(token)
    return Host(str(worker.name), worker.id, f"{socket.gethostname()}:{cache_root()}", code_sha256(), shares)


def perform(
    work: base.Work,
    config: TrainConfig,
    known: dict | None,
    weights: bytes | None,
    host: Host,
    files: dict[str, int],
    timeout_s: float | None,
) -> tuple[dict | base.Failure | Repeated | Missing, bytes | None]:
    """One run: its outcome, and the trained weights if the launcher cannot read the file that it wrote.

    `known`: what the run file holds already; `weights`: the launcher's file of trained weights, if the worker cannot
    read it; `files`: the data files by path, with their sizes in bytes.
    """
    worker = get_worker()
    if worker.id != host.process:
        return Repeated(), None
    over = threading.Event()
    watched = (worker, worker.get_current_task(), threading.get_ident(), over, timeout_s)
    threading.Thread(target=_watch, args=watched, daemon=True).start()
    try:
        missing = tuple(path for path, size in files.items() if not transfer.is_there(path, size))
        if missing:
            return Missing(missing), None
        return transfer.attempt(work, config, known, weights, host.shares_files)
    finally:
        over.set()


def _watch(worker: Worker, key: str, thread: int, over: threading.Event, timeout_s: float | None) -> None:
    """End this process if its run takes too long, is cancelled, or Dask closes the worker."""
    start = time.monotonic()
    while not over.wait(LOOK_EVERY_S):
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled" or worker.status in (Status.closing, Status.closed):
            os._exit(ENDED)
        if timeout_s is not None and time.monotonic() - start > timeout_s:
            worker.log_event(key, "".join(traceback.format_stack(sys._current_frames()[thread])))
            time.sleep(TELL_S)
            os._exit(ENDED)
