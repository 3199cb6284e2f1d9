"""Memory: how much is free, how much a run takes, how many runs fit."""

import re
from collections.abc import Sequence
from pathlib import Path

from campaign.machine.cores import MEMBERSHIP, ROOT, cgroups

MB = 2**20
MARGIN, SPARE_MB = 1.25, 32.0
"""How much more than its first two steps a whole run may take: a quarter, and so many MB."""
USABLE = 0.9
"""Share of the free memory that a campaign may plan with."""


def free_mb(root: Path = ROOT, membership: Path = MEMBERSHIP, meminfo: Path = Path("/proc/meminfo")) -> float:
    """Memory that this process may still take: what the machine has available, cut by the limits of its cgroups.

    Infinite where the system does not say.
    """
    found = [_kilobytes(meminfo, "MemAvailable") / 1024]
    for version, folder in cgroups("memory", root, membership):
        limit, usage, reclaimable = (
            ("memory.max", "memory.current", "inactive_file")
            if version == 2
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        try:
            used = int((folder / usage).read_text()) - _counter(folder / "memory.stat", reclaimable)
            found.append((float((folder / limit).read_text().replace("max", "inf")) - used) / MB)
        except (OSError, ValueError):
            continue
    return min(found)


def own_peak_mb() -> float:
    """The most that this process has had for itself alone, in MB; 0 where the system does not say.

    What it shares with the process that it was forked from does not count, nor do mapped files.
    """
    private = sum(_kilobytes(Path("/proc/self/smaps_rollup"), name) for name in ("Private_Dirty", "Swap"))
    status = Path("/proc/self/status")
    peak = private + _kilobytes(status, "VmHWM") - _kilobytes(status, "VmRSS")
    return peak / 1024 if peak < float("inf") else 0.0


def peak_mb(pid: int) -> float | None:
    """The most memory that a living process has had in use, shared memory included, in MB."""
    peak = _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM")
    return peak / 1024 if peak < float("inf") else None


def fitting_workers(needs_mb: Sequence[float], workers: int, free: float) -> int:
    """How many of `workers` may work at once so that the largest of `needs_mb` fit into `free` MB; at least 1."""
    taken = 0.0
    for count, need in enumerate(sorted(needs_mb, reverse=True)[:workers]):
        taken += with_margin(need)
        if taken > USABLE * free:
            return max(1, count)
    return workers


def with_margin(need_mb: float) -> float:
    """The memory to be planned for a run whose pilot took `need_mb`."""
    return MARGIN * need_mb + SPARE_MB


def _kilobytes(path: Path, name: str) -> float:
    try:
        found = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.M)
    except OSError:
        return float("inf")
    return float(found[1]) if found else float("inf")


def _counter(path: Path, name: str) -> int:
    (number,) = re.findall(rf"^{name} (\d+)$", path.read_text(), re.M)
    return int(number)
