"""Which run is started next, and how many at a time."""

import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from campaign.engines.base import Death
from campaign.machine import memory
from campaign.machine.patience import Patience
from nnet.config import TrainConfig

CLEAN_ENDS = 10
"""After this many runs that ended by themselves, twice as many may work at a time again."""
LOOK_AGAIN_S = 2.0
"""Seconds between two looks at the runs that another campaign has claimed."""
ALONE_S = 30.0
"""Seconds of pause before the last attempt of a run, so that a shortage of memory that passes is not blamed on it."""
MEMORY_S = 600.0
"""The longest time, in seconds, that runs wait for enough free memory after one was killed."""


class Schedule:
    """The runs of a campaign in the order in which they are started.

    `next` proposes a run; the caller says whether it was `started` or is done `elsewhere`, and later how it ended. Runs
    that another campaign has claimed come last. After a death by signal 9, which the kernel sends when memory runs
    out, half as many runs work at a time, until enough of them have ended well. A run that died and is to be tried
    `alone` waits until no other is under way. Nothing starts while there is a pause after such an event, or while
    less memory is free than the killed run needs.
    """

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        workers: int,
        stay: bool = True,
        need_mb: Callable[[TrainConfig], float] = lambda config: 0.0,
        cores: int | None = None,
    ):
        """`stay`: wait for runs that another campaign has claimed, instead of ending when nothing else is left.

        `need_mb`: the memory of a run in MB, 0 if it is unknown or not on this machine; `cores`: the most threads that
        the runs under way have in all, None if only the workers limit them.
        """
        self.stay, self.workers, self.active = stay, workers, workers
        self.patience, self.need_mb, self.needed = Patience(), need_mb, (0.0, 0.0)
        self.cores = math.inf if cores is None else cores
        self.waiting, self.others, self.alone = deque(configs), deque(), deque()
        self.running: dict[str, tuple[int, int]] = {}
        """Of each run under way: how many were started before it, and its threads."""
        self.starts = self.lowered_at = self.clean = 0
        self.lonely = False
        self.looked = time.monotonic()

    def unfinished(self) -> bool:
        """Whether a run is left or under way."""
        return bool(self.waiting or self.alone or self.running or (self.stay and self.others))

    def next(self) -> TrainConfig | None:
        """The next run to start; None if there is none at the moment."""
        if len(self.running) >= (1 if self.lonely else self.active) or self.patience.pausing or self._memory_is_short():
            return None
        self.lonely = False
        if self.waiting:
            return self._first_that_fits()
        if self.alone and not self.running:
            self.lonely = True
            return self.alone.popleft()
        return None

    def started(self, config: TrainConfig) -> None:
        """The proposed run is under way."""
        self.running[config.run_id] = self.starts, config.threads
        self.starts += 1

    def elsewhere(self, config: TrainConfig) -> None:
        """Another campaign has claimed the proposed run."""
        self.others.append(config)

    def look_again(self) -> None:
        """Propose the runs of other campaigns once more, every few seconds."""
        if self.others and time.monotonic() - self.looked > LOOK_AGAIN_S:
            self.looked = time.monotonic()
            self.waiting.extend(self.others)
            self.others.clear()

    def ended(self, config: TrainConfig) -> None:
        """A run ended by itself: it has a result, or it failed."""
        del self.running[config.run_id]
        self.patience.worked()
        self.needed = (0.0, 0.0)
        self.clean += 1
        if self.clean >= CLEAN_ENDS and self.active < self.workers:
            self.active, self.clean = min(self.workers, 2 * self.active), 0

    def soon(self, config: TrainConfig) -> None:
        """Start this next: what else is asked of a run that has just ended."""
        self.waiting.appendleft(config)

    def again(self, config: TrainConfig, cause: str) -> float:
        """A run was lost through no fault of its own: it is started next. Returns the seconds of the pause before it.

        Raises ChildProcessError, with the cause, if that happens again and again.
        """
        self._first(config)
        return self.patience.failed(cause)

    def not_started(self, config: TrainConfig, cause: str) -> float:
        """No worker could be started for a run: fewer runs work at a time. As `again` if no other is under way."""
        if len(self.running) == 1:
            return self.again(config, cause)
        self._first(config)
        self.active, self.clean = len(self.running), 0
        return self.patience.pause()

    def died(self, config: TrainConfig, death: Death, alone: bool) -> bool:
        """The worker of a run died: try the run again, `alone` or soon. True if fewer runs work at a time from now."""
        started, _ = self.running.pop(config.run_id)
        if alone:
            self.alone.append(config)
        else:
            self.waiting.appendleft(config)
        if not death.killed:
            return False
        self.patience.pause(ALONE_S if alone and not death.from_outside else 0.0)
        self.needed = self.need_mb(config), time.monotonic() + MEMORY_S
        return self._lower(started)

    def gave_up(self, config: TrainConfig, death: Death) -> None:
        """The worker of a run died for the last time."""
        started, _ = self.running.pop(config.run_id)
        if death.killed:
            self._lower(started)

    def _first_that_fits(self) -> TrainConfig | None:
        """The first waiting run with no more threads than there are free cores; any if nothing is under way."""
        free = self.cores - sum(threads for _, threads in self.running.values())
        if free < 1 and self.running:
            return None
        for place, config in enumerate(self.waiting):
            if config.threads <= free or not self.running:
                del self.waiting[place]
                return config
        return None

    def _first(self, config: TrainConfig) -> None:
        del self.running[config.run_id]
        queue = self.alone if self.lonely else self.waiting
        queue.appendleft(config)

    def _memory_is_short(self) -> bool:
        needed_mb, until = self.needed
        return time.monotonic() < until and memory.free_mb() < needed_mb

    def _lower(self, started: int) -> bool:
        self.clean = 0
        if started < self.lowered_at or self.active == 1:  # it shared its memory with those that died before
            return False
        self.active, self.lowered_at = self.active // 2, self.starts
        return True
