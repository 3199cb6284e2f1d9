"""What a person sees while a campaign runs."""

import sys
import time
from collections.abc import Iterable

from tqdm import tqdm

from campaign.engines.base import Failure
from campaign.machine.console import clean, duration, is_terminal, one_line, say
from campaign.planning.campaign import Campaign
from campaign.planning.pace import Far, Planned, far, total
from campaign.running.time_left import TimeLeft
from campaign.store import run_file
from nnet.config import TrainConfig
from nnet.evaluations.parts import points

LOOK_S, QUIET_S = 2.0, 300.0
"""Seconds between two looks at the runs under way: on a terminal, and elsewhere if nothing has ended meanwhile."""


class Progress:
    """One moving line on a terminal; elsewhere a plain line per finished run, and one every five minutes without one.

    It counts runs, epochs and points of all runs of the campaign, those that were finished before the launch included.
    """

    def __init__(self, campaign: Campaign, before: dict[str, dict | None]):
        """`before`: what is known of each run to do."""
        self.campaign, self.before = campaign, before
        known, left_out = campaign.state().known, {config.run_id for config in campaign.left_out}
        self.requests = {run_id: asked for run_id, asked in campaign.runs.items() if run_id not in left_out}
        self.far = {run_id: far(campaign.answers, asked, known[run_id]) for run_id, asked in self.requests.items()}
        parts = campaign.parts()
        planned = {run_id: Planned.of(of_run, self.far[run_id]) for run_id, of_run in parts.items()}
        self.time, self.ended, self.last = TimeLeft(planned, campaign.wall_s), len(self.far) - len(planned), ""
        self.looked = time.monotonic()
        shape = {"bar_format": "{desc} |{bar}| {elapsed}{postfix}", "total": max(1, len(self.far))}
        self.bar = tqdm(initial=self.ended, **shape) if is_terminal(sys.stderr) else None
        self._show()

    def finished(self, config: TrainConfig, outcome: dict | Failure, words: str | None = None) -> None:
        """Count a run and show it; `words`: what `describe` says, if it is known."""
        run_id = config.run_id
        self.ended += run_id in self.time.left_over
        taken_s = seconds_of(outcome, self.before.get(run_id)) if isinstance(outcome, dict) else None
        self.time.finished(run_id, taken_s)
        if isinstance(outcome, dict):
            self.far[run_id] = far(self.campaign.answers, self.requests[run_id], outcome)
        line = f"{run_id}  {words or self.describe(config, outcome)}"
        if self.bar is None:
            self.looked = time.monotonic()
            say(f"[{self.ended}/{len(self.far)}] {line}  ({self.time.words()})")
        else:
            self._show(f", last: {line}")

    def look(self, under_way: Iterable[str]) -> None:
        """Show how far the runs under way are, if it is time."""
        if time.monotonic() - self.looked < (LOOK_S if self.bar is not None else QUIET_S):
            return
        self.looked = time.monotonic()
        for run_id in under_way:
            store = self.campaign.stores[self.requests[run_id][0].dataset_name]
            beat, known = store.beat(run_id), self.campaign.known(self.requests[run_id][0])
            self.far[run_id] = far(self.campaign.answers, self.requests[run_id], known, beat)
            self.time.heard(run_id, beat)
        if self.bar is None:
            say(f"[{self.ended}/{len(self.far)}] {self.counted()}  ({self.time.words()})")
        else:
            self._show()

    def counted(self) -> Far:
        """How far all runs are."""
        return total(self.far.values())

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

    def _show(self, more: str | None = None) -> None:
        if self.bar is not None:
            self.last = self.last if more is None else more
            self.bar.n = min(self.bar.total, self.ended + self.time.done_of_runs())
            self.bar.set_description_str(f"{self.ended}/{len(self.far)} runs", refresh=False)
            self.bar.set_postfix_str(one_line(f"{self.counted()}, {self.time.words()}{self.last}"))

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
    done = "trained" if before is None and outcome["epochs"] > 0 else "measured"
    measured = "" if before is None else f", {new} new points"
    return f"{done}: acc {columns['acc_0']:.4f}{drop}{measured}, {took}"


def seconds_of(run: dict, before: dict | None) -> float:
    """The seconds that were spent on a run since `before` was known of it."""
    return run_file.seconds(run) - run_file.seconds(before)
