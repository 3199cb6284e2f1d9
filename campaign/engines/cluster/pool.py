"""The workers of a Dask scheduler as the slots of an engine.

    launcher ── scheduler ──┬── worker 1, one thread
                            └── worker 2, one thread, perhaps on another machine

Dask does not place, repeat or keep runs here: a run is submitted to one free worker, and released when its outcome
arrives. So a dead worker costs only its own run, which the campaign tries again by its own rules, and no run is done
twice.
"""

import itertools
import os
import queue
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client, Future, KilledWorker

from campaign.engines import base
from campaign.engines.cluster import task, transfer
from campaign.engines.cluster.task import Host, Missing, Repeated
from campaign.machine.console import complain
from nnet.config import TrainConfig
from nnet.record.provenance import code_sha256, command

LOOK_EVERY_S = 0.5
GATHER_S = 20.0
"""Seconds to wait for the outcome of a run that has ended, before looking whether its worker still lives."""
ANSWER_S, SEND_S, ALONE_S = 30.0, 600.0, 120.0
Outcomes = list[tuple[TrainConfig, dict | base.Failure]]


@dataclass
class _Run:
    config: TrainConfig
    known: dict | None
    future: Future
    started: float = field(default_factory=time.monotonic)


@dataclass
class _Sending:
    files: list[Future]
    waiting: list[str]
    """The workers whose runs need them."""


class Pool:
    """The workers of one scheduler: greeted when they appear, then free or busy with a run.

    Every method raises ConnectionError if the scheduler is gone; all runs that were under way are lost then.
    """

    def __init__(self, client: Client, work: base.Work, timeout_s: float | None, first: TrainConfig):
        """`first`: a run of the campaign; the others have the same threads and folders."""
        self.client, self.work, self.timeout_s, self.threads = client, work, timeout_s, first.threads
        self.done: queue.SimpleQueue[Future] = queue.SimpleQueue()
        self.hosts: dict[str, Host] = {}
        self.greeting: dict[str, Future] = {}
        self.refused: dict[str, str] = {}
        self.free: list[str] = []
        self.busy: dict[str, _Run] = {}
        self.sending: dict[str, _Sending] = {}
        self.looked = -LOOK_EVERY_S
        self.alone_since: float | None = None
        self.numbers = itertools.count()
        self.token = transfer.token(transfer.absolute(first))

    def start(self, config: TrainConfig, known: dict | None) -> None:
        """Start a run on a free worker; see `base.Engine.start`."""
        address = self.free.pop()
        self.busy[address] = _Run(config, known, self._perform(address, config, known))

    def ended(self, wait_s: float) -> Outcomes:
        """The runs that have ended, with their outcomes. Waits at most `wait_s` seconds for the first."""
        outcomes = []
        if time.monotonic() - self.looked > LOOK_EVERY_S:
            outcomes += self._look()
        for future in self._finished(0.0 if outcomes else wait_s):
            outcomes += self._take(future)
        return outcomes

    def close(self) -> None:
        """Give up what is under way: its workers end within a second, and are restarted by what started them."""
        futures = [run.future for run in self.busy.values()] + list(self.greeting.values())
        with suppress(OSError, TimeoutError):
            if futures and self.client.status == "running":
                self.client.cancel(futures, force=True)
        if self.token is not None:
            Path(self.token).unlink(missing_ok=True)

    def _submit(self, address: str, what: Callable, *arguments: object) -> Future:
        key = f"{what.__name__}-{os.getpid()}-{id(self)}-{next(self.numbers)}"
        future = self.client.submit(
            what, *arguments, key=key, workers=[address], allow_other_workers=False, pure=False, retries=0
        )
        future.add_done_callback(self.done.put)
        return future

    def _perform(self, address: str, config: TrainConfig, known: dict | None) -> Future:
        config, host = transfer.absolute(config), self.hosts[address]
        weights, files = None if host.shares_files else transfer.weights(config), transfer.data_files(config)
        return self._submit(address, task.perform, self.work, config, known, weights, host, files, self.timeout_s)

    def _finished(self, wait_s: float) -> list[Future]:
        finished = []
        with suppress(queue.Empty):
            finished.append(self.done.get(timeout=wait_s) if wait_s else self.done.get_nowait())
            while True:
                finished.append(self.done.get_nowait())
        return finished

    def _look(self) -> Outcomes:
        """Greet new workers; the outcomes of the runs whose workers are gone."""
        self.looked = time.monotonic()
        threads, greeting = self._threads(), (self.work, self.token, self.threads, command())
        self._say_that_nobody_is_there(bool(threads))
        for address in threads.keys() - self.hosts.keys() - self.greeting.keys() - self.refused.keys():
            if threads[address] != 1:
                self._refuse(address, f"has {threads[address]} threads; start it with --nthreads 1")
            else:
                self.greeting[address] = self._submit(address, task.greet, *greeting)
        self.refused = {address: why for address, why in self.refused.items() if address in threads}
        if self.refused.keys() == threads.keys() != set():
            address, why = next(iter(self.refused.items()))
            raise ConnectionError(f"no worker can be used: {address} {why}")
        return [outcome for address in self.hosts.keys() - threads.keys() for outcome in self._lost(address)]

    def _say_that_nobody_is_there(self, somebody: bool) -> None:
        if somebody:
            self.alone_since = None
        elif self.alone_since is None:
            self.alone_since = time.monotonic()
        elif time.monotonic() - self.alone_since > ALONE_S:
            self.alone_since = float("inf")
            complain(f"note: no worker for {ALONE_S:.0f} s; the runs wait for one")

    def _threads(self) -> dict[str, int]:
        """The number of threads of each worker, by address."""
        try:
            if self.client.status == "running":
                return self.client.nthreads(callback_timeout=ANSWER_S)
        except (OSError, TimeoutError):
            pass
        raise ConnectionError("the Dask scheduler is gone or does not answer")

    def _lost(self, address: str) -> Outcomes:
        """Forget a worker; the outcome of its run, if it had one."""
        host = self.hosts.pop(address)
        if address in self.free:
            self.free.remove(address)
        run = self.busy.pop(address, None)
        if host.machine in self.sending:  # perhaps through this worker: the others ask for the files again
            self._go_on(self.sending.pop(host.machine).waiting)
        return [] if run is None else [(run.config, self._death(run))]

    def _death(self, run: _Run) -> base.Failure:
        if self.timeout_s is not None and time.monotonic() - run.started > self.timeout_s:
            stack = "".join(message for _, message in self.client.get_events(str(run.future.key)))
            message = f"it was not finished after {self.timeout_s:g} s (run_timeout_s)"
            return base.Failure("TimedOut", message, stack)
        return base.Death("WorkerDied", "its worker died", "", None, None)

    def _take(self, future: Future) -> Outcomes:
        """Handle a finished future: of a greeting, of a file that was sent, or of a run."""
        for address, greeting in self.greeting.items():
            if greeting is future:
                del self.greeting[address]
                self._meet(address, future)
                return []
        for address, run in self.busy.items():
            if run.future is future:
                outcome = self._outcome(address, run)
                return [] if outcome is None else [(run.config, outcome)]
        for machine, sending in self.sending.items():
            if future in sending.files and all(file.done() for file in sending.files):
                del self.sending[machine]
                return self._sent(sending)
        return []

    def _meet(self, address: str, future: Future) -> None:
        try:
            host = future.result(timeout=GATHER_S)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong there, the worker cannot be used
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            self._refuse(address, f"or its scheduler cannot import this program (start both in its folder): {reason}")
            return
        if host.code_sha256 != code_sha256():
            self._refuse(address, "has another version of this program")
            return
        self.hosts[address] = host
        self.free.append(address)

    def _refuse(self, address: str, why: str) -> None:
        if why not in self.refused.values():
            complain(f"warning: the worker {address} {why}; it is not used")
        self.refused[address] = why

    def _outcome(self, address: str, run: _Run) -> dict | base.Failure | None:
        """The outcome of a run whose task has ended; None if it is not there yet."""
        try:
            outcome, weights = run.future.result(timeout=GATHER_S)
        except (KilledWorker, TimeoutError, CancelledError) as error:
            if isinstance(error, TimeoutError) and address in self._threads():
                self.done.put(run.future)
                return None
            self._threads()
            self._lost(address)
            return self._death(run)
        except Exception as error:  # noqa: BLE001 - an outcome that cannot be sent is a failure of the run
            outcome, weights = base.Failure.of(error), None
        if isinstance(outcome, Missing):
            self._send(address, outcome.paths)
            return None
        del self.busy[address]
        if isinstance(outcome, Repeated):
            self.hosts.pop(address)  # a new process at the old address: greet it again
            return self._death(run)
        self.free.append(address)
        return transfer.kept(run.config, outcome, weights)

    def _send(self, address: str, paths: tuple[str, ...]) -> None:
        """Send files of the launcher to the machine of a worker, unless they are being sent."""
        machine = self.hosts[address].machine
        if machine not in self.sending:
            files = []
            for path in paths:
                content = self.client.scatter(Path(path).read_bytes(), workers=[address], hash=False, timeout=SEND_S)
                files.append(self._submit(address, transfer.receive, path, content))
            self.sending[machine] = _Sending(files, [])
        self.sending[machine].waiting.append(address)

    def _sent(self, sending: _Sending) -> Outcomes:
        """Start the runs that waited for files again; if these cannot be written, that is their outcome."""
        errors = [error for file in sending.files if (error := file.exception(timeout=GATHER_S)) is not None]
        if not errors:
            self._go_on(sending.waiting)
            return []
        ended = [self.busy.pop(address) for address in sending.waiting if address in self.busy]
        return [(run.config, base.Unwritable.of(errors[0])) for run in ended]

    def _go_on(self, addresses: list[str]) -> None:
        for address in addresses:
            if address in self.busy:
                run = self.busy[address]
                run.future = self._perform(address, run.config, run.known)
