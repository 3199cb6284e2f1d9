"""One process per slot, each with an executor of its own, started from one warm fork server.

    launcher ──┬── slot 1: ProcessPoolExecutor(max_workers=1) ── worker ┐
               ├── slot 2: ProcessPoolExecutor(max_workers=1) ── worker ├── forked from the fork server,
               └── …                                                    ┘   which has imported torch once

A worker that dies breaks the executor of its own slot only, so the culprit is known: the slot gets a new executor and
the other slots never notice. When the fork server dies, every executor breaks; those runs are `Lost` and a new server
is started. Workers end with the launcher, however it ends.
"""

import multiprocessing
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from campaign.engines import base
from campaign.engines.workers import fork_server
from campaign.machine.memory import peak_mb
from nnet.config import TrainConfig

START_ATTEMPTS = 5
START_PAUSE_S = 0.2
LOOK_EVERY_S = 1.0
DUMP_S = 0.3


class Engine(base.Engine):
    """Worker processes of this machine."""

    def set_up(self) -> None:
        """No worker yet."""
        self.others = set(multiprocessing.active_children())
        self.free: list[_Slot] = []
        self.busy: dict[Future, tuple[_Slot, TrainConfig]] = {}
        self.looked = time.monotonic()

    @property
    def room(self) -> bool:
        """Whether fewer runs than workers are under way."""
        return len(self.busy) < self.workers

    def start(self, config: TrainConfig, known: dict | None = None) -> None:
        """Start a run in a free slot. Raises ChildProcessError if no worker can be started."""
        base.refuse_shared_gpu([config], self.workers)
        slot = self.free.pop() if self.free else _Slot()
        self.busy[slot.submit(self.work, config, known)] = slot, config

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
        self._kill()
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

    def submit(self, work: base.Work, config: TrainConfig, known: dict | None) -> Future:
        """Start a run. Raises ChildProcessError if no worker can be started."""
        for _ in range(START_ATTEMPTS):
            try:
                future = self._submit(work, config, known)
                self.peak_mb: float | None = None
                self.started, self.expired = time.monotonic(), False
                return future
            except (BrokenProcessPool, EOFError, OSError) as error:
                reason = error  # the idle worker died, or the fork server did
                self.close()
                time.sleep(START_PAUSE_S)
        raise ChildProcessError(f"worker processes cannot be started: {reason!r}")

    def _submit(self, work: base.Work, config: TrainConfig, known: dict | None) -> Future:
        if self.executor is not None:
            return self.executor.submit(base.attempt, work, config, known)
        self.server = fork_server.ensure_running(config)
        context = multiprocessing.get_context("forkserver")
        self.dumps, dump_to = context.Pipe(duplex=False)
        self.executor = ProcessPoolExecutor(1, context, fork_server.begin_worker, (dump_to,))
        before = set(multiprocessing.active_children())
        with dump_to:
            future = self.executor.submit(base.attempt, work, config, known)
        started = set(multiprocessing.active_children()) - before
        if not started:
            raise BrokenProcessPool("the worker ended at once")
        (self.worker,) = started
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
        dump = self.close()
        if self.expired:
            return base.Failure("TimedOut", f"it was not finished after {timeout_s:g} s (run_timeout_s)", dump)
        if fork_server.was_lost(worker, server):
            return base.Lost("WorkerLost", "the process that starts workers ended", "")
        return base.Death("WorkerDied", "its worker died", dump, worker.exitcode, self.peak_mb)

    def close(self) -> str:
        """End the executor, whose worker is dead or idle; returns the traceback that a crashed worker wrote, or ''."""
        dump = ""
        if self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
            dump = fork_server.read_dump(self.dumps)
            self.dumps.close()
        self.executor = self.worker = self.dumps = None
        return dump
