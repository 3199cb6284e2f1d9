"""What a person sees while a campaign runs."""

import math
import sys
import time

from tqdm import tqdm

from campaign.engines.base import Failure
from campaign.machine.console import clean, duration, is_terminal, one_line, say
from campaign.planning.campaign import Campaign
from campaign.planning.plan import pace
from campaign.store import run_file
from nnet.config import TrainConfig
from nnet.evaluations.parts import points

LOOK_S = 1.0


class Progress:
    """One moving line on a terminal; elsewhere a plain line per finished run.

    The time left is that of the plan for the unfinished runs, times the pace of the finished ones.
    """

    def __init__(self, campaign: Campaign, before: dict[str, dict | None]):
        """`before`: what is known of each run."""
        self.campaign, self.estimates, self.before = campaign, campaign.estimates(), before
        self.left_over, self.taken = set(self.estimates), {}
        self._left_s, self._looked = 0.0, -math.inf
        shape = {"bar_format": "{n_fmt}/{total_fmt} runs |{bar}| {elapsed}, {desc}", "desc": "starting"}
        self.bar = tqdm(total=len(self.estimates), **shape) if is_terminal(sys.stderr) else None

    def finished(self, config: TrainConfig, outcome: dict | Failure, words: str | None = None) -> None:
        """Count a run and show it; `words`: what `describe` says, if it is known."""
        self.left_over.discard(config.run_id)
        if isinstance(outcome, dict):
            self.taken[config.run_id] = seconds_of(outcome, self.before.get(config.run_id))
        line = f"{config.run_id}  {words or self.describe(config, outcome)}"
        if self.bar is None:
            done = len(self.estimates) - len(self.left_over)
            say(f"[{done}/{len(self.estimates)}] {line}  ({self.left()})")
        else:
            self.bar.set_description_str(one_line(f"{self.left()}, last: {line}"), refresh=False)
            self.bar.update()

    def describe(self, config: TrainConfig, outcome: dict | Failure) -> str:
        """A run's outcome in a few words, with what was added since the beginning."""
        before = self.before.get(config.run_id)
        return describe(outcome, before) + self._threads(config, outcome, before)

    def _threads(self, config: TrainConfig, outcome: dict | Failure, before: dict | None) -> str:
        """The number of threads of a run that has several, and whether they gained nothing."""
        if config.threads == 1 or isinstance(outcome, Failure):
            return ""
        single_s = self.campaign.choice.single_s.get(config.run_id)
        if single_s is None or seconds_of(outcome, before) < single_s:
            return f" with {config.threads} threads"
        return f" with {config.threads} threads, which gained nothing: one takes about {duration(single_s)}"

    def note(self, text: str) -> None:
        """Show an event other than the end of a run."""
        if self.bar is None:
            say(text)
        else:
            self.bar.write(clean(text), file=sys.stderr)

    def left_s(self) -> float:
        """Seconds until the last run ends."""
        seconds = self.campaign.wall_s({run_id: self.estimates[run_id] for run_id in self.left_over})
        return pace(self.estimates, self.taken) * seconds

    def left(self) -> str:
        """The time left, in words; found anew every `LOOK_S`."""
        if time.monotonic() - self._looked > LOOK_S:
            self._left_s, self._looked = self.left_s(), time.monotonic()
        return f"{duration(self._left_s)} left" if self.left_over else "done"

    def close(self) -> None:
        """Leave the line as it is."""
        if self.bar is not None:
            self.bar.close()


def describe(outcome: dict | Failure, before: dict | None = None) -> str:
    """A run's outcome in a few words; `before`: what was known of it when it began."""
    if isinstance(outcome, Failure):
        return f"FAILED: {outcome.error}: {outcome.message}"[:200]
    took = duration(seconds_of(outcome, before))
    if outcome["status"] == "diverged":
        return f"diverged in epoch {outcome['diverged_epoch']}, {took}"
    columns, new = points.derived(outcome), run_file.points(outcome) - run_file.points(before)
    drop = "" if columns["drop_at_01"] is None else f" drop(0.1) {columns['drop_at_01']:.4f}"
    measured = "" if before is None else f", {new} new points"
    return f"acc {columns['acc_0']:.4f}{drop}{measured}, {took}"


def seconds_of(run: dict, before: dict | None) -> float:
    """The seconds that were spent on a run since `before` was known of it."""
    return run_file.seconds(run) - run_file.seconds(before)
