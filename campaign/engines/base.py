"""What all engines share: the contract, outcomes that are no result, and which engine can work here."""

import shutil
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from campaign.machine.patience import Patience
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.atomic import CannotWrite

ENGINES = "campaign.engines"
Work = Callable[..., dict]
"""What is done with each run: `work(config)`, or `work(config, known)` where its run file exists."""
TICK_S = 0.2
"""Seconds that a loop waits for a run to end before it looks around."""


@dataclass(frozen=True)
class Failure:
    """A run without a result that would fail again: it raised an exception, or it took too long."""

    error: str
    """Name of the exception's class."""
    message: str
    """Text of the exception, in one line."""
    traceback: str
    """Traceback of the worker, or empty."""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure that reports an exception."""
        text = "".join(traceback.format_exception(error))
        return cls(type(error).__name__, " ".join(str(error).split()), text)


class Unwritable(Failure):
    """A run that could not write a file because the disk is full or gone."""


class Lost(Failure):
    """A run whose worker ended through no fault of the run, for example because the fork server died."""


@dataclass(frozen=True)
class Death(Failure):
    """A run whose worker died, possibly because of the run."""

    exit_code: int | None
    """Exit code as in `multiprocessing`: minus the signal's number if a signal ended it; None if unknown."""
    peak_mb: float | None
    """Largest memory use that was observed, in MB; None if unknown."""
    kernel_kills: int | None = None
    """How many processes the kernel killed for lack of memory during the run; None if unknown."""

    @property
    def from_outside(self) -> bool:
        """Whether signal 9 ended it, and the kernel sent none: somebody else did, for any reason."""
        return self.killed and self.kernel_kills == 0

    @property
    def killed(self) -> bool:
        """Whether signal 9 ended it: the kernel sends it, perhaps to an innocent process, when memory runs out."""
        return self.exit_code == -signal.SIGKILL

    @property
    def how(self) -> str:
        """The cause in words: "with signal 9 (SIGKILL), probably out of memory; peak memory 335 MB"."""
        if self.exit_code is None:
            how = "with its process, its job or its machine"
        elif self.exit_code < 0:
            how = f"with signal {-self.exit_code} ({signal.Signals(-self.exit_code).name})"
        else:
            how = f"with exit code {self.exit_code}"
        if self.killed:
            how += ", which the kernel did not send" if self.from_outside else ", probably out of memory"
        return how if self.peak_mb is None else f"{how}; peak memory {self.peak_mb:.0f} MB"


class NotStarted(ChildProcessError):
    """No further worker could be started now; later that may be possible."""


def attempt(work: Work, config: TrainConfig, known: dict | None = None) -> dict | Failure:
    """The dict that `work(config)` returns, `work(config, known)` where something is known; a failure if it raises."""
    try:
        return work(config) if known is None else work(config, known)
    except CannotWrite as error:
        return Unwritable.of(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a run raises is its outcome
        return Failure.of(error)


class Engine:
    """The contract of every engine (see the package's docstring), and what all engines do alike."""

    def __init__(
        self,
        work: Work,
        workers: int = 1,
        timeout_s: float | None = None,
        options: Any = None,
    ):
        """`workers`: runs at the same time. Raises ConfigError for fewer than one."""
        refuse_shared_gpu([], workers)
        self.work, self.workers, self.timeout_s, self.options = work, workers, timeout_s, options
        self.set_up()

    def set_up(self) -> None:
        """The last step of the constructor: what an engine has beside the arguments. Raises ConfigError."""

    @property
    def room(self) -> bool:
        """Whether another run can be started now."""
        raise NotImplementedError

    def start(self, config: TrainConfig, known: dict | None = None) -> None:
        """Start a run; only called while there is `room`. `known`: what its run file holds already, if there is one.

        Raises NotStarted if no further worker can be started now, and another OSError if that will not change.
        """
        raise NotImplementedError

    def ended(self, wait_s: float) -> list[tuple[TrainConfig, dict | Failure]]:
        """The runs that have ended, with their outcomes. Waits at most `wait_s` seconds for the first."""
        raise NotImplementedError

    def close(self) -> None:
        """End every worker."""

    def __enter__(self):
        return self

    def __exit__(self, kind: type | None, *rest: object) -> None:
        self.close()

    def outcomes(self, configs: Iterable[TrainConfig]) -> Iterator[tuple[TrainConfig, dict | Failure]]:
        """Do all of these runs and yield each with its outcome, in the order in which they end.

        A lost run is started again. Raises ChildProcessError if workers cannot work again and again.
        """
        waiting, under_way, patience = deque(configs), 0, Patience()
        while waiting or under_way:
            while waiting and self.room and not patience.pausing:
                try:
                    self.start(waiting[0])
                except NotStarted as error:
                    patience.pause() if under_way else patience.failed(str(error))
                    break
                waiting.popleft()
                under_way += 1
            for config, outcome in self.ended(TICK_S):
                under_way -= 1
                if isinstance(outcome, Lost):
                    waiting.append(config)
                    patience.failed(outcome.message)
                else:
                    patience.worked()
                    yield config, outcome


def make(
    engine: str,
    work: Work,
    workers: int,
    timeout_s: float | None = None,
    options: dict | None = None,
) -> Engine:
    """The engine of this name, with `options` by name."""
    made = registry.make_options(ENGINES, engine, options or {})
    return registry.load(ENGINES, engine).Engine(work, workers, timeout_s, **made)


def capacity(engine: str, options: dict, cpu_threads: int) -> int | None:
    """How many runs of `cpu_threads` threads fit on the workers of an engine; None if this machine's cores limit them.

    Raises ConfigError for an unknown engine or option, and for an engine that cannot work here.
    """
    registry.require(ENGINES, engine, "engine")
    registry.check_options(options, ENGINES, engine)
    missing = missing_for(engine)
    if missing is not None:
        raise ConfigError(missing)
    made = registry.make_options(ENGINES, engine, options)
    count = getattr(registry.load(ENGINES, engine), "capacity", None)
    return None if count is None else count(made["options"], cpu_threads)


def missing_for(engine: str) -> str | None:
    """What an engine needs that is not installed here, in one sentence; None if nothing is missing."""
    packages = [name for name in registry.constant(ENGINES, engine, "NEEDS", ()) if find_spec(name) is None]
    if packages:
        return f"engine {engine!r} needs {' and '.join(packages)}: pip install -r requirements-cluster.txt"
    commands = [name for name in registry.constant(ENGINES, engine, "COMMANDS", ()) if shutil.which(name) is None]
    return f"engine {engine!r} needs {' and '.join(commands)}, which are not installed here" if commands else None


def schedulers() -> list[str]:
    """The engines that are job schedulers, for which a job script can be printed."""
    return [name for name in registry.names(ENGINES) if registry.constant(ENGINES, name, "SUBMIT") is not None]


def refuse_shared_gpu(configs: Sequence[TrainConfig], workers: int) -> None:
    """Raise ConfigError for fewer than one worker, and for several workers that would share a GPU."""
    if workers < 1:
        raise ConfigError(f"max_workers must be at least 1; got {workers}")
    if workers > 1 and any(config.use_cuda for config in configs):
        raise ConfigError("use_cuda=True only supports max_workers=1")
