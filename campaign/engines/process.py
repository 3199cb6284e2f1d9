"""One process per slot, each with an executor of its own, started from one warm fork server.

    launcher ──┬── slot 1: ProcessPoolExecutor(max_workers=1) ── worker ┐
               ├── slot 2: ProcessPoolExecutor(max_workers=1) ── worker ├── forked from the fork server,
               └── …                                                    ┘   which has imported torch once

A worker that dies breaks the executor of its own slot alone: it is known which run it died of, the slot gets
a new one, and the other slots never notice.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.connection import wait as wait_for_end
from pathlib import Path

from campaign.engines import base
from nnet.config import TrainConfig

PRELOAD = "campaign.warm"
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ROOT = Path(__file__).resolve().parents[2]


def run(
    configs: Sequence[TrainConfig], work: Callable[[TrainConfig], dict], workers: int
) -> Iterator[tuple[TrainConfig, dict | base.Failure]]:
    """Yield (config, outcome) as runs finish, at most `workers` at a time, started in the order of `configs`.

    When the iterator is closed, or the loop around it is left by an exception, every worker is killed.
    """
    base.check(configs, workers)
    if not configs:
        return
    _start_fork_server(max(config.cpu_threads for config in configs))
    waiting = deque(configs)
    slots = [_Slot() for _ in range(min(workers, len(configs)))]
    free = deque(slots)
    busy: dict[Future, tuple[_Slot, TrainConfig]] = {}
    try:
        while waiting or busy:
            while waiting and free:
                slot, config = free.popleft(), waiting.popleft()
                busy[slot.submit(work, config)] = slot, config
            finished, _ = wait(busy, return_when=FIRST_COMPLETED)
            for future in finished:
                slot, config = busy.pop(future)
                free.append(slot)
                yield config, slot.outcome(future)
    finally:
        for slot in slots:
            slot.kill()
        for slot in slots:
            slot.close()


class _Slot:
    """Room for one run: a single-worker executor, replaced when its worker dies."""

    def __init__(self):
        self.executor = self.worker = None

    def submit(self, work: Callable[[TrainConfig], dict], config: TrainConfig) -> Future:
        try:
            return self._submit(work, config)
        except BrokenProcessPool:  # the worker died while it had nothing to do
            self.close()
            return self._submit(work, config)

    def _submit(self, work: Callable[[TrainConfig], dict], config: TrainConfig) -> Future:
        if self.executor is None:
            context = multiprocessing.get_context("forkserver")
            self.executor = ProcessPoolExecutor(1, mp_context=context, initializer=_begin_worker)
        before = set(multiprocessing.active_children())
        future = self.executor.submit(base.attempt, work, config)
        started = set(multiprocessing.active_children()) - before
        self.worker = next(iter(started), self.worker)
        return future

    def outcome(self, future: Future) -> dict | base.Failure:
        try:
            return future.result()
        except BrokenProcessPool:
            worker = self.worker
            self.close()
        code = worker.exitcode
        how = (
            f"was killed by signal {-code} ({signal.Signals(-code).name})"
            if code < 0
            else f"ended with exit code {code}"
        )
        return base.Failure("WorkerDied", f"its worker {how} before the run was finished", "")

    def kill(self) -> None:
        if self.worker is not None:
            self.worker.kill()

    def close(self) -> None:
        if self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
        self.executor = self.worker = None


def _start_fork_server(threads: int) -> None:
    forkserver.set_forkserver_preload([PRELOAD])
    with _environment(threads), _no_interrupt():
        forkserver.ensure_running()


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Thread limits, which libraries read when they are imported, and a path on which the preload is found."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    changed = dict.fromkeys(THREAD_LIMITS, str(threads)) | {"PYTHONPATH": path}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Let the fork server inherit that Ctrl-C is ignored: only the launcher decides what it means."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if PRELOAD not in sys.modules:
        print(f"warning: the fork server could not import {PRELOAD}; workers start slowly", file=sys.stderr)
    threading.Thread(target=_end_with_launcher, daemon=True).start()


def _end_with_launcher() -> None:
    wait_for_end([multiprocessing.parent_process().sentinel])
    os._exit(1)
