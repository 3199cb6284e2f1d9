"""What a person sees while a campaign runs."""

import os
import sys
import time
from typing import TextIO

from tqdm import tqdm

from campaign.engines.base import Failure
from nnet.config import TrainConfig


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line; a reader who has gone away, or a full disk behind a redirection, does not end a campaign."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Progress:
    """One moving line on a terminal; elsewhere a plain line per finished run.

    The time left follows from the estimated seconds of the runs that are still to do, corrected by how long
    the finished ones took against their estimate.
    """

    def __init__(self, estimates: dict[str, float], workers: int):
        self.estimates, self.workers = dict(estimates), workers
        self.total, self.done = len(estimates), 0
        self.estimated = self.taken = 0.0
        self.start = time.monotonic()
        form = "{n_fmt}/{total_fmt} runs |{bar}| {elapsed}, {desc}"
        self.bar = tqdm(total=self.total, bar_format=form, desc="starting") if sys.stderr.isatty() else None

    def finished(self, config: TrainConfig, outcome: dict | Failure) -> None:
        """Count a run and show it."""
        self.done += 1
        estimate = self.estimates.pop(config.run_id)
        if isinstance(outcome, dict):
            self.estimated += estimate
            self.taken += outcome["train_seconds"] + outcome["sweep_seconds"]
        line = f"{config.run_id}  {describe(outcome)}"
        if self.bar is None:
            say(f"[{self.done}/{self.total}] {line}  ({self.left()})")
        else:
            self.bar.set_description_str(f"{self.left()}, last: {line}", refresh=False)
            self.bar.update()

    def note(self, text: str) -> None:
        """Show something that happened and is no end of a run."""
        if self.bar is None:
            say(text)
        else:
            self.bar.write(text, file=sys.stderr)

    def left(self) -> str:
        """The time left, in words."""
        pace = self.taken / self.estimated if self.estimated > 0 else 1.0
        remaining = list(self.estimates.values())
        seconds = pace * max(sum(remaining) / self.workers, max(remaining, default=0.0))
        return f"{duration(seconds)} left" if remaining else "done"

    def close(self) -> None:
        """Leave the line as it is."""
        if self.bar is not None:
            self.bar.close()


def describe(outcome: dict | Failure) -> str:
    """A run's outcome in a few words."""
    if isinstance(outcome, Failure):
        return f"FAILED: {outcome.error}: {outcome.message}"[:200]
    seconds = outcome["train_seconds"] + outcome["sweep_seconds"]
    if outcome["status"] == "diverged":
        return f"diverged in epoch {outcome['diverged_epoch']}, {duration(seconds)}"
    drop = "" if outcome["drop_at_01"] is None else f" drop(0.1) {outcome['drop_at_01']:.4f}"
    return f"acc {outcome['acc_0']:.4f}{drop}, {duration(seconds)}"


def duration(seconds: float) -> str:
    """Seconds for people: "40 s", "12 min", "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
