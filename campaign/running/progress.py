"""What a person sees while a campaign runs."""

import sys

from tqdm import tqdm

from campaign.engines.base import Failure
from campaign.machine.console import duration, say
from campaign.planning.plan import makespan, pace
from campaign.store import run_file
from campaign.store.folder import Store
from nnet.config import TrainConfig
from nnet.evaluations.parts import points

LISTED = 10


class Progress:
    """One moving line on a terminal; elsewhere a plain line per finished run.

    The time left is that of the plan for the unfinished runs, times the pace of the finished ones.
    """

    def __init__(self, estimates: dict[str, float], workers: int, before: dict[str, dict | None]):
        """`estimates`: seconds by run_id; `workers`: runs at the same time; `before`: what is known of each run."""
        self.estimates, self.workers, self.before = estimates, workers, before
        self.left_over, self.taken = set(estimates), {}
        form = "{n_fmt}/{total_fmt} runs |{bar}| {elapsed}, {desc}"
        self.bar = tqdm(total=len(estimates), bar_format=form, desc="starting") if sys.stderr.isatty() else None

    def finished(self, config: TrainConfig, outcome: dict | Failure) -> None:
        """Count a run and show it."""
        self.left_over.discard(config.run_id)
        if isinstance(outcome, dict):
            self.taken[config.run_id] = seconds_of(outcome, self.before.get(config.run_id))
        line = f"{config.run_id}  {self.describe(config, outcome)}"
        if self.bar is None:
            done = len(self.estimates) - len(self.left_over)
            say(f"[{done}/{len(self.estimates)}] {line}  ({self.left()})")
        else:
            self.bar.set_description_str(f"{self.left()}, last: {line}", refresh=False)
            self.bar.update()

    def describe(self, config: TrainConfig, outcome: dict | Failure) -> str:
        """A run's outcome in a few words, with what was added since the beginning."""
        return describe(outcome, self.before.get(config.run_id))

    def note(self, text: str) -> None:
        """Show an event other than the end of a run."""
        if self.bar is None:
            say(text)
        else:
            self.bar.write(text, file=sys.stderr)

    def left_s(self) -> float:
        """Seconds until the last run ends."""
        seconds = makespan([self.estimates[run_id] for run_id in self.left_over], self.workers)
        return pace(self.estimates, self.taken) * seconds

    def left(self) -> str:
        """The time left, in words."""
        return f"{duration(self.left_s())} left" if self.left_over else "done"

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


def list_failures(failures: dict[TrainConfig, str], stores: dict[str, Store]) -> None:
    """Say which runs failed, why, and where more of it is found."""
    for config, reason in list(failures.items())[:LISTED]:
        path = stores[config.dataset_name].failure_file(config.run_id)
        say(f"failed: {config.run_id}: {reason}; see {path}", sys.stderr)
    if len(failures) > LISTED:
        say(f"… and {len(failures) - LISTED} more", sys.stderr)
    if failures:
        say("--retry-failed tries them again", sys.stderr)
