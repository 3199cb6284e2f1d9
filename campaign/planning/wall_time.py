"""When the last of some runs ends: one rule for the plan, the choice of threads and the time left."""

import heapq
from collections.abc import Iterable, Sequence


def makespan(
    seconds: Iterable[float], workers: int, threads: Sequence[int] | None = None, cores: int | None = None
) -> float:
    """Seconds until the last run ends, if each free worker takes the longest run that is left.

    With `threads`, of each run, a run waits until as many of the `cores` are free, and shorter ones that fit start
    before it; a run that is wider than all cores starts when nothing else is under way.
    """
    if cores is None or threads is None or sum(threads) <= cores or max(threads) == 1:
        free = [0.0] * (workers if cores is None or threads is None else min(workers, cores))
        for run in sorted(seconds, reverse=True):
            heapq.heapreplace(free, free[0] + run)
        return max(free)
    waiting = sorted(zip(seconds, threads, strict=True), reverse=True)
    under_way: list[tuple[float, int]] = []
    now, idle = 0.0, cores
    while waiting or under_way:
        left = []
        for run, width in waiting:
            if len(under_way) < workers and (width <= idle or not under_way):
                heapq.heappush(under_way, (now + run, width))
                idle -= width
            else:
                left.append((run, width))
        waiting = left
        now, width = heapq.heappop(under_way)
        idle += width
    return now
