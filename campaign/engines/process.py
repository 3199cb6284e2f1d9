"""One process per slot, each with an executor of its own, started from one warm fork server.

    launcher ──┬── slot 1: ProcessPoolExecutor(max_workers=1) ── worker ┐
               ├── slot 2: ProcessPoolExecutor(max_workers=1) ── worker ├── forked from the fork server,
               └── …                                                    ┘   which has imported torch once

A worker that dies breaks the executor of its own slot alone: it is known which run it died of, the slot gets
a new one, and the other slots never notice. When the fork server dies, every executor breaks; those runs are
`Lost` and a new server is started. Workers end with the launcher, however that ends.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from campaign.engines import base
from campaign.engines.workers import fork_server
from campaign.machine.memory import peak_mb
from nnet.config import TrainConfig

START_ATTEMPTS = 5
START_PAUSE_S = 0.2
LOOK_EVERY_S = 1.0
DUMP_S = 0.3
END = object()


def run(
    configs: Iterable[TrainConfig | None],
    work: Callable[[TrainConfig], dict],
    workers: int,
    timeout_s: float | None = None,
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """Yield (config, outcome) as runs finish, at most `workers` at a time, started in the order of `configs`.

    When the iterator is closed, or the loop around it is left by an exception, every worker is killed.
    """
    base.check([], workers)
    source, exhausted, looked = iter(configs), False, time.monotonic()
    others = set(multiprocessing.active_children())
    free: list[_Slot] = []
    busy: dict[Future, tuple[_Slot, TrainConfig]] = {}
    try:
        while busy or not exhausted:
            while len(busy) < workers and not exhausted:
                config = next(source, END)
                exhausted = config is END
                if exhausted or config is None:
                    break
                base.check([config], workers)
                slot = free.pop() if free else _Slot()
                busy[slot.submit(work, config)] = slot, config
            if time.monotonic() - looked > LOOK_EVERY_S:
                looked = time.monotonic()
                for slot, _ in busy.values():
                    slot.look(timeout_s)
            for future in _finished(busy):
                slot, config = busy.pop(future)
                free.append(slot)
                yield config, slot.outcome(future, timeout_s)
            yield None
    except KeyboardInterrupt:
        fork_server.stop()  # it may be about to fork a worker that nobody waits for
        raise
    finally:
        for worker in set(multiprocessing.active_children()) - others:
            worker.kill()
        for slot in [*free, *(slot for slot, _ in busy.values())]:
            slot.close()


def _finished(busy: dict[Future, object]) -> set[Future]:
    if not busy:
        time.sleep(base.TICK_S)
    return wait(busy, base.TICK_S, FIRST_COMPLETED).done


class _Slot:
    """Room for one run: a single-worker executor, replaced when its worker dies."""

    def __init__(self):
        self.executor = self.worker = self.server = self.dumps = None

    def submit(self, work: Callable[[TrainConfig], dict], config: TrainConfig) -> Future:
        """Start a run. Raises ChildProcessError where no worker can be started."""
        for _ in range(START_ATTEMPTS):
            try:
                future = self._submit(work, config)
                self.started, self.peak_mb, self.expired = time.monotonic(), None, False
                return future
            except (BrokenProcessPool, EOFError, OSError) as error:
                reason = error  # the worker died while it had nothing to do, or the fork server did
                self.close()
                time.sleep(START_PAUSE_S)
        raise ChildProcessError(f"worker processes cannot be started: {reason!r}")

    def _submit(self, work: Callable[[TrainConfig], dict], config: TrainConfig) -> Future:
        if self.executor is not None:
            return self.executor.submit(base.attempt, work, config)
        self.server = fork_server.ensure_running(config)
        context = multiprocessing.get_context("forkserver")
        self.dumps, dump_to = context.Pipe(duplex=False)
        self.executor = ProcessPoolExecutor(1, context, fork_server.begin_worker, (dump_to,))
        before = set(multiprocessing.active_children())
        with dump_to:
            future = self.executor.submit(base.attempt, work, config)
        started = set(multiprocessing.active_children()) - before
        if not started:
            raise BrokenProcessPool("the worker ended at once")
        (self.worker,) = started
        return future

    def look(self, timeout_s: float | None) -> None:
        """Note how much memory the worker uses; kill it if its run takes too long."""
        self.peak_mb = peak_mb(self.worker.pid) or self.peak_mb
        if timeout_s is not None and time.monotonic() - self.started > timeout_s and not self.expired:
            self.expired = True
            fork_server.ask_for_traceback(self.worker)
            time.sleep(DUMP_S)
            self.worker.kill()

    def outcome(self, future: Future, timeout_s: float | None) -> dict | base.Failure:
        """What a finished future means."""
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
        """End the executor, whose worker is dead or idle; returns where the worker was when it crashed, if it said."""
        dump = ""
        if self.executor is not None:
            self.executor.shutdown(wait=True, cancel_futures=True)
            dump = fork_server.read_dump(self.dumps)
            self.dumps.close()
        self.executor = self.worker = self.dumps = None
        return dump
