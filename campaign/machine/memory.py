"""Memory: how much is free, how much a run takes, how many runs fit."""

import re
from collections.abc import Sequence
from pathlib import Path

from campaign.machine.cores import MEMBERSHIP, ROOT, cgroups

MB = 2**20
MARGIN, SPARE_MB = 1.25, 32.0
"""How much more a whole run may take than its pilot: a quarter, and this many MB."""
USABLE = 0.9
"""Share of the free memory that a campaign may plan with."""


def free_mb(root: Path = ROOT, membership: Path = MEMBERSHIP, meminfo: Path = Path("/proc/meminfo")) -> float:
    """Memory that this process may still take, in MB: what is available, limited by its cgroups.

    Infinite if the system does not say.
    """
    limits = [_kilobytes(meminfo, "MemAvailable") / 1024]
    for version, folder in cgroups("memory", root, membership):
        limit, usage, reclaimable = (
            ("memory.max", "memory.current", "inactive_file")
            if version == 2
            else ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        )
        try:
            used = int((folder / usage).read_text()) - _counter(folder / "memory.stat", reclaimable)
            limits.append((float((folder / limit).read_text().replace("max", "inf")) - used) / MB)
        except (OSError, ValueError):
            continue
    return min(limits)


def own_peak_mb() -> float:
    """Peak of the private memory of this process, in MB; 0 if the system does not say.

    Memory shared with the process from which it was forked does not count, nor do mapped files.
    """
    private = sum(_kilobytes(Path("/proc/self/smaps_rollup"), name) for name in ("Private_Dirty", "Swap"))
    status = Path("/proc/self/status")
    peak = private + _kilobytes(status, "VmHWM") - _kilobytes(status, "VmRSS")
    return peak / 1024 if peak < float("inf") else 0.0


def peak_mb(pid: int) -> float | None:
    """Peak memory of a living process, shared memory included, in MB; None if unknown."""
    peak = _kilobytes(Path(f"/proc/{pid}/status"), "VmHWM")
    return peak / 1024 if peak < float("inf") else None


def kernel_kills(vmstat: Path = Path("/proc/vmstat")) -> int | None:
    """How many processes of this machine the kernel has killed because memory ran out; None if it does not say."""
    try:
        return _counter(vmstat, "oom_kill")
    except (OSError, ValueError):
        return None


def fitting_workers(needs_mb: Sequence[float], workers: int, free: float) -> int:
    """How many of `workers` may work at once so that the largest of `needs_mb` fit into `free` MB; at least 1."""
    taken = 0.0
    for count, need in enumerate(sorted(needs_mb, reverse=True)[:workers]):
        taken += with_margin(need)
        if taken > USABLE * free:
            return max(1, count)
    return workers


def with_margin(need_mb: float) -> float:
    """Memory to plan for a run whose pilot took `need_mb`."""
    return MARGIN * need_mb + SPARE_MB


def _kilobytes(path: Path, name: str) -> float:
    try:
        match = re.search(rf"^{name}:\s+(\d+) kB$", path.read_text(), re.M)
    except OSError:
        return float("inf")
    return float(match[1]) if match else float("inf")


def _counter(path: Path, name: str) -> int:
    (number,) = re.findall(rf"^{name} (\d+)$", path.read_text(), re.M)
    return int(number)
