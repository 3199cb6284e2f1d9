"""What all engines share: how a failure looks, and what they refuse."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nnet.config import TrainConfig


@dataclass(frozen=True)
class Failure:
    """A run that gave no result: it raised, or its worker died."""

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


def attempt(work: Callable[[TrainConfig], dict], config: TrainConfig) -> dict | Failure:
    """What `work(config)` returns, or the failure that it means when it raises."""
    try:
        return work(config)
    except Exception as error:  # noqa: BLE001 - whatever a run raises is its outcome
        return Failure.of(error)


def check(configs: Sequence[TrainConfig], workers: int) -> None:
    """Raise ValueError for less than one worker, and for a GPU shared by several."""
    if workers < 1:
        raise ValueError(f"max_workers must be at least 1; got {workers}")
    if workers > 1 and any(config.use_cuda for config in configs):
        raise ValueError("use_cuda=True only supports max_workers=1")
