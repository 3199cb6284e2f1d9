"""One process per slot, each with an executor of its own, started from one warm fork server.

    launcher ──┬── slot 1: ProcessPoolExecutor(max_workers=1) ── worker ┐
               ├── slot 2: ProcessPoolExecutor(max_workers=1) ── worker ├── forked from the fork server,
               └── …                                                    ┘   which has imported torch once

A worker that dies breaks the executor of its own slot only, so the culprit is known: the slot gets a new executor and
the other slots never notice. When the fork server dies, every executor breaks; those runs are `Lost` and a new server
is started. Workers end with the launcher, however it ends.
"""

import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from campaign.engines import base
from campaign.engines.workers import fork_server
from campaign.engines.workers.inherited import State
from campaign.machine import budget
from campaign.machine.memory import kernel_kills, peak_mb
from nnet.config import TrainConfig

THREADS = True
LOOK_EVERY_S = 1.0
DUMP_S = 0.3


class Engine(base.Engine):
    """Worker processes of this machine."""

    def set_up(self) -> None:
        """No worker yet; what workers are to have is what this process has now."""
        self.state = State.now()
        budget.raise_limits(self.workers)
        self.others = set(multiprocessing.active_children())
        self.free: list[_Slot] = []
        self.busy: dict[Future, tuple[_Slot, TrainConfig]] = {}
        self.looked = time.monotonic()

    @property
    def room(self) -> bool:
        """Whether fewer runs than workers are under way."""
        return len(self.busy) < self.workers

    def start(self, config: TrainConfig, known: dict | None = None) -> None:
        """Start a run in a free slot. Raises NotStarted if no further worker can be started now."""
        base.refuse_shared_gpu([config], self.workers)
        slot = self.free.pop() if self.free else _Slot()
        self.busy[slot.submit(self.work, self.state, config, known)] = slot, config

    def ended(self, wait_s: float) -> list[tuple[TrainConfig, dict | base.Failure]]:
        """The runs that have ended, with their outcomes."""
        if time.monotonic() - self.looked > LOOK_EVERY_S:
            self.looked = time.monotonic()
            for slot, _ in self.busy.values():
                slot.look(self.timeout_s)
        if not self.busy:
            time.sleep(wait_s)
        outcomes = []
        for future in wait(self.busy, wait_s, FIRST_COMPLETED).done:
            slot, config = self.busy.pop(future)
            self.free.append(slot)
            outcomes.append((config, slot.outcome(future, self.timeout_s)))
        return outcomes

    def close(self) -> None:
        """Kill every worker."""
        self._kill()  # all at once
        for slot in [*self.free, *(slot for slot, _ in self.busy.values())]:
            slot.close()

    def __exit__(self, kind: type | None, *rest: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self._kill()  # now: workers of a dead fork server count as ended
            fork_server.stop()  # it may be about to fork a worker that nobody waits for
        super().__exit__(kind, *rest)

    def _kill(self) -> None:
        for worker in set(multiprocessing.active_children()) - self.others:
            worker.kill()


class _Slot:
    """Room for one run: a single-worker executor, replaced when its worker dies."""

    def __init__(self):
        self.executor: ProcessPoolExecutor | None = None
        self.worker: Any = None  # with an executor: its process, the fork server's pid, the pipe of crash reports
        self.server: Any = None
        self.dumps: Any = None

    def submit(self, work: base.Work, state: State, config: TrainConfig, known: dict | None) -> Future:
        """Start a run. Raises NotStarted if there is no worker, and no other one can be started."""
        future: Future | None = None
        with suppress(BrokenProcessPool):  # the idle worker has died
            if self.executor is not None:
                future = self.executor.submit(base.attempt, work, config, known)
        if future is None:
            self.close()
            try:
                future = self._begin(work, state, config, known)
            except (BrokenProcessPool, EOFError, RuntimeError, MemoryError, OSError) as error:
                self.close()
                if isinstance(error, ChildProcessError):
                    raise
                cause = str(error) or type(error).__name__
                raise base.NotStarted(f"no further worker can be started: {cause}") from error
        self.peak_mb: float | None = None
        self.kernel_kills = kernel_kills()
        self.started, self.expired = time.monotonic(), False
        return future

    def _begin(self, work: base.Work, state: State, config: TrainConfig, known: dict | None) -> Future:
        """Start the executor and its worker with a run."""
        self.server = fork_server.ensure_running(config)
        budget.require_room(config.threads)
        context = multiprocessing.get_context("forkserver")
        self.dumps, dump_to = context.Pipe(duplex=False)
        before = set(multiprocessing.active_children())
        try:
            with dump_to, _without_main(work):
                begin = fork_server.begin_worker, (dump_to, self.server, state)
                self.executor = ProcessPoolExecutor(1, context, *begin)
                future = self.executor.submit(base.attempt, work, config, known)
        finally:
            self.worker = next(iter(set(multiprocessing.active_children()) - before), None)
        if fork_server.pid() != self.server:  # it ended just now, and multiprocessing has started a plain one
            fork_server.stop()
        if self.worker is None:
            raise BrokenProcessPool("the worker ended at once")
        return future

    def look(self, timeout_s: float | None) -> None:
        """Record the memory of the worker; kill it if its run takes too long."""
        self.peak_mb = peak_mb(self.worker.pid) or self.peak_mb
        if timeout_s is not None and time.monotonic() - self.started > timeout_s and not self.expired:
            self.expired = True
            fork_server.ask_for_traceback(self.worker)
            time.sleep(DUMP_S)
            self.worker.kill()

    def outcome(self, future: Future, timeout_s: float | None) -> dict | base.Failure:
        """The outcome of a run whose future is done."""
        error = future.exception()
        if error is None:
            return future.result()
        if not isinstance(error, BrokenProcessPool):
            return base.Failure.of(error)
        worker, server = self.worker, self.server
        begun, dump = self.close()
        if self.expired:
            return base.Failure("TimedOut", f"it was not finished after {timeout_s:g} s (run_timeout_s)", dump)
        if fork_server.was_lost(worker, server):
            return base.Lost("WorkerLost", "the process that starts workers ended", "")
        before, now = self.kernel_kills, kernel_kills()
        kills = None if before is None or now is None else now - before
        death = base.Death("WorkerDied", "its worker died", dump, worker.exitcode, self.peak_mb, kills)
        if begun:
            return death
        return base.Lost("WorkerLost", f"a worker ended {death.how} before it began {dump}".rstrip(), "")

    def close(self) -> tuple[bool, str]:
        """End the executor and its worker; returns whether it had begun, and the traceback that it wrote, or ''."""
        begun, dump = False, ""
        if self.worker is not None:
            self.worker.kill()
            fork_server.wait_for(self.worker)
        if self.executor is not None:
            with suppress(RuntimeError):  # its thread could not be started
                self.executor.shutdown(wait=True, cancel_futures=True)
        if self.dumps is not None:
            begun, dump = fork_server.read_dump(self.dumps)
            self.dumps.close()
        self.executor = self.worker = self.dumps = None
        return begun, dump


@contextmanager
def _without_main(work: base.Work) -> Iterator[None]:
    """Let a worker that is started in the block not import the launcher's script, unless the work is a part of it.

    So a script needs no main guard, and may come from standard input.
    """
    main = sys.modules["__main__"]
    if work.__module__ != "__main__":
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
