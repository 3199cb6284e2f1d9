"""Which run is started next, and how many at a time."""

import enum
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from campaign.engines.base import Death
from nnet.config import TrainConfig

CLEAN_ENDS = 10
"""After so many runs that ended by themselves, twice as many may work at a time again."""
LOOK_AGAIN_S = 2.0
"""How often it is looked whether another campaign is through with the runs that it has."""


class Answer(enum.Enum):
    """What may become of a run that is about to be started."""

    START = enum.auto()
    DONE = enum.auto()
    ELSEWHERE = enum.auto()


class Schedule:
    """The runs of a campaign in the order in which they are started: an engine iterates over it.

    `ask(config)` is called before each start. Runs that another campaign has in hand come last. After a death
    by signal 9, which the kernel sends when memory runs out, half as many runs work at a time, until enough of
    them have ended well. A run for which `alone` is asked waits until no other is under way.
    """

    def __init__(
        self, configs: Sequence[TrainConfig], workers: int, ask: Callable[[TrainConfig], Answer], stay: bool = True
    ):
        """`stay`: wait for what another campaign has in hand, instead of ending when there is nothing else to do."""
        self.ask, self.stay, self.workers, self.active = ask, stay, workers, workers
        self.waiting, self.elsewhere, self.alone = deque(configs), deque(), deque()
        self.running: dict[str, int] = {}
        self.starts = self.lowered_at = self.clean = 0
        self.lonely = False
        self.looked = time.monotonic()

    def __iter__(self) -> Iterator[TrainConfig | None]:
        """The next run to start, or None while there is none, until no run is left or under way."""
        while self._unfinished():
            config = self._next()
            if config is not None or self._unfinished():
                yield config

    def ended(self, config: TrainConfig) -> None:
        """A run ended by itself: it has a result, or it failed."""
        del self.running[config.run_id]
        self.clean += 1
        if self.clean >= CLEAN_ENDS and self.active < self.workers:
            self.active, self.clean = min(self.workers, 2 * self.active), 0

    def again(self, config: TrainConfig) -> None:
        """A run was lost through no doing of its own: it is the next to be started."""
        del self.running[config.run_id]
        (self.alone if self.lonely else self.waiting).appendleft(config)

    def died(self, config: TrainConfig, death: Death, alone: bool) -> bool:
        """The worker of a run died: try the run again, `alone` or soon. True if fewer runs work at a time now."""
        started = self.running.pop(config.run_id)
        (self.alone.append if alone else self.waiting.appendleft)(config)
        return self._lower(started) if death.killed else False

    def gave_up(self, config: TrainConfig, death: Death) -> None:
        """The worker of a run died for the last time."""
        started = self.running.pop(config.run_id)
        if death.killed:
            self._lower(started)

    def _unfinished(self) -> bool:
        return bool(self.waiting or self.alone or self.running or (self.stay and self.elsewhere))

    def _lower(self, started: int) -> bool:
        self.clean = 0
        if started < self.lowered_at or self.active == 1:  # it shared its memory with those that died before
            return False
        self.active, self.lowered_at = self.active // 2, self.starts
        return True

    def _next(self) -> TrainConfig | None:
        if len(self.running) >= (1 if self.lonely else self.active):
            return None
        self.lonely = False
        if self.elsewhere and time.monotonic() - self.looked > LOOK_AGAIN_S:
            self.looked = time.monotonic()
            self.waiting.extend(self.elsewhere)
            self.elsewhere.clear()
        while self.waiting:
            config = self.waiting.popleft()
            answer = self.ask(config)
            if answer is Answer.START:
                return self._started(config)
            if answer is Answer.ELSEWHERE:
                self.elsewhere.append(config)
        if self.alone and not self.running:
            config = self.alone.popleft()
            self.lonely = self.ask(config) is Answer.START
            return self._started(config) if self.lonely else None
        return None

    def _started(self, config: TrainConfig) -> TrainConfig:
        self.running[config.run_id] = self.starts
        self.starts += 1
        return config
