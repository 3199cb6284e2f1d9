"""The process that imports everything once and forks workers, and how a worker begins and ends."""

import faulthandler
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path
from typing import cast

from campaign.engines.base import NotStarted
from campaign.engines.workers import environment, inherited, temporary
from campaign.engines.workers.inherited import State
from campaign.machine import signals
from campaign.machine.console import attach
from nnet.config import TrainConfig
from nnet.files import host

PRELOAD = "campaign.engines.workers.preload"
WARM_DATA = "NNET_WARM_DATA"
"""Environment variable: dataset, image size and folder of the data that the fork server checks, JSON."""
LAUNCHER = "NNET_LAUNCHER"
"""Environment variable: the process with which the fork server ends."""
PRELOADED = "NNET_PRELOADED"
"""Environment variable: the file in which the fork server says whether it could import everything."""
ROOT = Path(__file__).resolve().parents[3]
DUMP_BYTES = 2**16
UNTOLD = 255  # exit code that multiprocessing reports if the fork server died before reporting one
END_S, LOOK_EVERY_S = 1.0, 0.01
STOPPED_S = 10.0
"""Seconds after which a fork server that a signal has stopped is killed; another one takes its place."""
BEGUN = b"begun\n"
"""What a worker writes into the pipe of its crash reports when it can work."""
FIRST_VICTIM = "500"
"""A worker's oom_score_adj: the kernel kills workers before the launcher when memory runs out."""


KEPT_OPEN: list[Connection] = []
"""In a worker: the pipe of its crash reports, which garbage collection would close."""


def ensure_running(config: TrainConfig) -> int:
    """Start the warm fork server unless it runs, and wait until it can fork; returns its pid.

    It checks the data of this run so that no worker has to. Raises NotStarted if it ended, and ChildProcessError if it
    cannot import what a run needs.
    """
    forkserver.set_forkserver_preload([PRELOAD])
    imported = _imported()
    if (before := pid()) is None or is_gone(before):
        imported.unlink(missing_ok=True)
    with _environment(config, imported), _no_interrupt():
        forkserver.ensure_running()
    server = pid()
    assert server is not None, "it runs now"
    stopped = 0.0
    while not imported.exists() or is_stopped(server):
        signals.raise_if_asked()
        if is_gone(server) and not imported.exists():
            raise NotStarted("the process that starts workers ended while it imported")
        if stopped > STOPPED_S:
            stop()
            raise NotStarted("the process that starts workers was stopped by a signal")
        time.sleep(LOOK_EVERY_S)
        stopped = stopped + LOOK_EVERY_S if is_stopped(server) else 0.0
    if cause := imported.read_text():
        raise ChildProcessError(f"a worker cannot import what a run needs: {cause}")
    return server


def is_gone(pid: int) -> bool:
    """Whether the fork server of this pid has ended. Reaping it is left to multiprocessing."""
    if not hasattr(os, "waitid"):  # older macOS: its death then counts as a death of the worker
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped this process, and none has continued it."""
    status = host.status_of(pid)
    return status is not None and status[0] in "Tt"


def was_lost(worker: multiprocessing.Process, pid: int) -> bool:
    """Whether a worker that has ended was lost with the fork server of this pid.

    A dying process closes its files before it can be waited for: if the server closed its pipe without reporting how
    the worker ended, the server itself may end a moment later.
    """
    deadline = time.monotonic() + END_S
    while worker.exitcode == UNTOLD and not is_gone(pid) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY_S)
    return is_gone(pid)


def wait_for(worker: multiprocessing.Process) -> None:
    """Wait until the end of a killed worker is known, which a fork server tells; one that is stopped is killed."""
    stopped = 0.0
    while not wait_for_end([worker.sentinel], LOOK_EVERY_S):
        server = pid()
        stopped = stopped + LOOK_EVERY_S if server is not None and is_stopped(server) else 0.0
        if stopped:
            signals.raise_if_asked()
        if stopped > STOPPED_S:
            stop()


def stop() -> None:
    """End the fork server at once, even while it is importing; its workers go on."""
    server = pid()
    if server is not None and not is_gone(server):
        os.kill(server, signal.SIGKILL)


def begin_worker(dump_to: Connection, server: int, state: State) -> None:
    """Set up a new worker: the launcher's `state`, crash reports to `dump_to`, its end with the fork server."""
    KEPT_OPEN.append(dump_to)
    try:
        inherited.end_with(server)
        state.restore()
        attach()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.enable(dump_to.fileno())
        faulthandler.register(signal.SIGUSR1, dump_to.fileno())
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(FIRST_VICTIM)
        threading.Thread(target=_end_with_launcher, daemon=True).start()
    except BaseException as error:
        os.write(dump_to.fileno(), f"{type(error).__name__}: {error}".encode())
        raise
    os.write(dump_to.fileno(), BEGUN)


def ask_for_traceback(worker: multiprocessing.Process) -> None:
    """Make a worker write its traceback, for `read_dump`."""
    with suppress(ProcessLookupError):
        os.kill(cast(int, worker.pid), signal.SIGUSR1)


def read_dump(dumps: Connection) -> tuple[bool, str]:
    """Whether a worker that has ended had begun, and its crash report; empty if there is none."""
    dump = os.read(dumps.fileno(), DUMP_BYTES) if dumps.poll() else b""
    return dump.startswith(BEGUN), dump.removeprefix(BEGUN).decode(errors="replace")


def pid() -> int | None:
    """The process id of the fork server, None before there is one."""
    return forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # not available publicly


def _imported() -> Path:
    """The file in which the fork server says, in one line, why it could not import; nothing if it could."""
    return temporary.folder() / "imported"


def _environment(config: TrainConfig, imported: Path) -> AbstractContextManager[None]:
    """One thread until a run sets its own number, a path to the preload, what it needs, and a temporary folder."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    data = json.dumps([config.dataset, config.image_size, config.data_dir, config.options_of(config.dataset)])
    about = {WARM_DATA: data, LAUNCHER: str(os.getpid()), PRELOADED: str(imported), "TMPDIR": str(imported.parent)}
    return environment.changed(environment.thread_limits(1) | {"PYTHONPATH": path} | about)


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
