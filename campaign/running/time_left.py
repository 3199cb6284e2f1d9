"""The time until the last run of a campaign ends: the plan's, at the pace at which its runs really go."""

import time
from collections.abc import Callable

from campaign.machine.console import duration
from campaign.planning.pace import Planned, pace

LOOK_S = 1.0


class TimeLeft:
    """The seconds that were planned for the runs that have not ended, less what they have done, times the pace.

    The pace is that of the finished runs, and of what those under way say that they have done.
    """

    def __init__(self, planned: dict[str, Planned], wall_s: Callable[[dict[str, float]], float]):
        """`planned`: of each run to do; `wall_s`: seconds until the last of some runs ends, from those of each."""
        self.planned, self.wall_s = planned, wall_s
        self.left_over = set(self.planned)
        self.beats: dict[str, dict] = {}
        self.taken: dict[str, float] = {}
        self._seconds, self._looked = 0.0, float("-inf")

    def finished(self, run_id: str, taken_s: float | None) -> None:
        """A run has ended; `taken_s`: what it took since the launch, None if it has failed."""
        self.left_over.discard(run_id)
        self.beats.pop(run_id, None)
        if taken_s is not None and run_id in self.planned:
            self.taken[run_id] = taken_s

    def heard(self, run_id: str, beat: dict) -> None:
        """A run under way has said how far it is."""
        self.beats[run_id] = beat

    def seconds(self) -> float:
        """Seconds until the last run ends."""
        left = {run_id: self.planned[run_id].seconds - self._done_s(run_id) for run_id in self.left_over}
        pairs = [(self.planned[run_id].seconds, taken) for run_id, taken in self.taken.items()]
        pairs += [self.planned[run_id].lately(beat) for run_id, beat in self.beats.items()]
        return pace(pairs) * self.wall_s(left)

    def done_of_runs(self) -> float:
        """How much of the runs under way is done, in runs."""
        planned = {run_id: self.planned[run_id].seconds for run_id in self.beats}
        return sum(self._done_s(run_id) / seconds for run_id, seconds in planned.items() if seconds > 0)

    def words(self) -> str:
        """The time left in words; found anew every `LOOK_S`."""
        if time.monotonic() - self._looked > LOOK_S:
            self._seconds, self._looked = self.seconds(), time.monotonic()
        return f"{duration(self._seconds)} left" if self.left_over else "done"

    def _done_s(self, run_id: str) -> float:
        beat = self.beats.get(run_id)
        return 0.0 if beat is None else self.planned[run_id].done_s(beat)
