"""The process that imports everything once and forks workers, and how a worker begins and ends."""

import faulthandler
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import cast

from campaign.engines.workers import environment
from campaign.machine.console import attach, complain
from nnet.config import TrainConfig

PRELOAD = "campaign.engines.workers.preload"
WARM_DATA = "NNET_WARM_DATA"
"""Environment variable: dataset, image size and folder of the data that the fork server checks, JSON."""
ROOT = Path(__file__).resolve().parents[3]
DUMP_BYTES = 2**16
UNTOLD = 255  # exit code that multiprocessing reports if the fork server died before reporting one
END_S, LOOK_EVERY_S = 1.0, 0.01
FIRST_VICTIM = "500"
"""A worker's oom_score_adj: the kernel kills workers before the launcher when memory runs out."""


KEPT_OPEN: list[Connection] = []
"""In a worker: the pipe of its crash reports, which garbage collection would close."""


def ensure_running(config: TrainConfig) -> int:
    """Start the warm fork server unless it runs; returns its pid.

    It has the thread limits of this run, and checks its data so that no worker has to.
    """
    forkserver.set_forkserver_preload([PRELOAD])
    with _environment(config), _no_interrupt():
        forkserver.ensure_running()
    server = pid()
    assert server is not None, "it runs now"
    return server


def is_gone(pid: int) -> bool:
    """Whether the fork server of this pid has ended. Reaping it is left to multiprocessing."""
    if not hasattr(os, "waitid"):  # older macOS: its death then counts as a death of the worker
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def was_lost(worker: multiprocessing.Process, pid: int) -> bool:
    """Whether a worker that has ended was lost with the fork server of this pid.

    A dying process closes its files before it can be waited for: if the server closed its pipe without reporting how
    the worker ended, the server itself may end a moment later.
    """
    deadline = time.monotonic() + END_S
    while worker.exitcode == UNTOLD and not is_gone(pid) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return is_gone(pid)


def stop() -> None:
    """End the fork server at once, even while it is importing; its workers go on."""
    server = pid()
    if server is not None and not is_gone(server):
        os.kill(server, signal.SIGKILL)


def begin_worker(dump_to: Connection) -> None:
    """Set up a new worker: signals, crash reports to `dump_to`, and its end when the launcher ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable(dump_to.fileno())
    faulthandler.register(signal.SIGUSR1, dump_to.fileno())
    KEPT_OPEN.append(dump_to)
    attach()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(FIRST_VICTIM)
    if PRELOAD not in sys.modules:
        complain(f"warning: the fork server could not import {PRELOAD}; workers start slowly")
    threading.Thread(target=_end_with_launcher, daemon=True).start()


def ask_for_traceback(worker: multiprocessing.Process) -> None:
    """Make a worker write its traceback, for `read_dump`."""
    with suppress(ProcessLookupError):
        os.kill(cast(int, worker.pid), signal.SIGUSR1)


def read_dump(dumps: Connection) -> str:
    """The crash report of a worker; empty if there is none."""
    return os.read(dumps.fileno(), DUMP_BYTES).decode(errors="replace") if dumps.poll() else ""


def pid() -> int | None:
    """The process id of the fork server, None before there is one."""
    return forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # not available publicly


def _environment(config: TrainConfig) -> AbstractContextManager[None]:
    """Thread limits, a path to the preload, and the data for it."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    data = json.dumps([config.dataset, config.image_size, config.data_dir])
    return environment.changed(environment.thread_limits(config.cpu_threads) | {"PYTHONPATH": path, WARM_DATA: data})


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Ignore Ctrl-C and a closed terminal, so that the fork server and the semaphore tracker inherit this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_with_launcher() -> None:
    launcher = multiprocessing.parent_process()
    assert launcher is not None, "a worker is a child"
    wait_for_end([launcher.sentinel])
    os._exit(1)
