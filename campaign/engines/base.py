"""What all engines share: how an outcome that is no result looks, and what they refuse."""

import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nnet.config import TrainConfig
from nnet.files.atomic import CannotWrite

TICK_S = 0.2
"""How long an engine waits for something to finish before it yields None."""


@dataclass(frozen=True)
class Failure:
    """A run that gave no result, and would not if it were tried again: it raised, or it took too long."""

    error: str
    """Name of the exception's class."""
    message: str
    """Its text, in one line."""
    traceback: str
    """The traceback, of the worker where there is one."""

    @classmethod
    def of(cls, error: BaseException) -> "Failure":
        """The failure that an exception means."""
        text = "".join(traceback.format_exception(error))
        return cls(type(error).__name__, " ".join(str(error).split()), text)


class Unwritable(Failure):
    """A run that could not write a file: its disk is full or gone, which is no fault of the run."""


class Lost(Failure):
    """A run whose worker was lost through no doing of the run, like the end of the process that starts workers."""


@dataclass(frozen=True)
class Death(Failure):
    """A run whose worker died; it may have been the run's doing, or not."""

    exit_code: int | None
    """As `multiprocessing` gives it: minus the signal, or what the process exited with; None where nobody tells."""
    peak_mb: float | None
    """The most memory that the worker was seen to use."""

    @property
    def killed(self) -> bool:
        """Whether it was signal 9, as the kernel sends it when memory runs out, maybe to an innocent process."""
        return self.exit_code == -signal.SIGKILL

    @property
    def how(self) -> str:
        """In words: "with signal 9 (SIGKILL), probably out of memory; peak memory 335 MB"."""
        if self.exit_code is None:
            how = "with its process, its job or its machine"
        elif self.exit_code < 0:
            how = f"with signal {-self.exit_code} ({signal.Signals(-self.exit_code).name})"
        else:
            how = f"with exit code {self.exit_code}"
        how += ", probably out of memory" if self.killed else ""
        return how if self.peak_mb is None else f"{how}; peak memory {self.peak_mb:.0f} MB"


def attempt(work: Callable[[TrainConfig], dict], config: TrainConfig) -> dict | Failure:
    """What `work(config)` returns, or the failure that it means when it raises."""
    try:
        return work(config)
    except CannotWrite as error:
        return Unwritable.of(error)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a run raises is its outcome
        return Failure.of(error)


def check(configs: Sequence[TrainConfig], workers: int) -> None:
    """Raise ValueError for less than one worker, and for a GPU shared by several."""
    if workers < 1:
        raise ValueError(f"max_workers must be at least 1; got {workers}")
    if workers > 1 and any(config.use_cuda for config in configs):
        raise ValueError("use_cuda=True only supports max_workers=1")
