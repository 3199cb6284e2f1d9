"""One rule for trying again after a failure that may be due to chance."""

import time

MOST = 8
FIRST_S, LONGEST_S = 1.0, 30.0


class Patience:
    """Pauses that double, from `FIRST_S` to `LONGEST_S`, until something has worked; gives up after `MOST` failures.

    What fails within a pause belongs to the failure that began it: the end of one process may end eighty runs.
    """

    def __init__(self):
        self.rounds = self.failures = 0
        self.until = 0.0

    @property
    def pausing(self) -> bool:
        """Whether nothing should be started yet."""
        return time.monotonic() < self.until

    def pause(self, least_s: float = 0.0) -> float:
        """Begin a pause of at least `least_s` seconds; returns its seconds, 0 if there is one."""
        if self.pausing:
            return 0.0
        self.rounds += 1
        seconds = max(least_s, min(LONGEST_S, FIRST_S * 2.0 ** (self.rounds - 1)))
        self.until = time.monotonic() + seconds
        return seconds

    def failed(self, cause: str) -> float:
        """Count a failure and begin a pause; returns its seconds. Raises ChildProcessError after `MOST` in a row."""
        seconds = self.pause()
        self.failures += seconds > 0
        if self.failures >= MOST:
            raise ChildProcessError(f"workers could not work {MOST} times in a row: {cause}")
        return seconds

    def worked(self) -> None:
        """Something has worked: forget what failed before."""
        self.rounds = self.failures = 0
