"""The cores that this process may use, those of them that are idle, and the cgroups that limit them."""

import os
import time
from pathlib import Path

SAMPLE_S = 1.0
"""Seconds for which cores are watched to tell idle ones from busy ones."""
ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may use: its CPU affinity, cut by the CPU quota of its cgroups; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in quotas())]))


def idle_cores(stat: Path = Path("/proc/stat")) -> int:
    """Usable cores on which nothing else works, from what they do in `SAMPLE_S` seconds; at least 1.

    All usable cores if the system does not say. Work for the disk counts as idle time, time that another virtual
    machine takes does not.
    """
    before = _times(stat)
    time.sleep(SAMPLE_S)
    after = _times(stat)
    shares = []
    for core in before.keys() & after.keys():
        idle, every = (late - early for late, early in zip(after[core], before[core], strict=True))
        shares.append(idle / every if every > 0 else 1.0)
    return max(1, min(usable_cores(), round(sum(shares)) if shares else usable_cores()))


def _times(stat: Path) -> dict[int, tuple[int, int]]:
    """Idle time and all time of each core in the CPU affinity, in ticks; {} if the system does not say."""
    times = {}
    try:
        lines = [line.split() for line in stat.read_text().splitlines() if line.startswith("cpu")]
    except OSError:
        return {}
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    for name, *words in lines:
        if name != "cpu" and int(name[3:]) in allowed:
            ticks = [int(word) for word in words[:8]]  # user, nice, system, idle, iowait, irq, softirq, steal
            times[int(name[3:])] = ticks[3] + ticks[4], sum(ticks)
    return times


def quotas(root: Path = ROOT, membership: Path = MEMBERSHIP) -> list[float]:
    """The CPU quotas, in cores, of this process's cgroups (version 1 or 2) and of their parents."""
    limits = []
    for version, folder in cgroups("cpu", root, membership):
        names = ("cpu.max",) if version == 2 else ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        try:
            quota, period = " ".join((folder / name).read_text() for name in names).split()
        except (OSError, ValueError):
            continue
        if quota not in ("max", "-1"):
            limits.append(int(quota) / int(period))
    return limits


def cgroups(controller: str, root: Path = ROOT, membership: Path = MEMBERSHIP) -> list[tuple[int, Path]]:
    """(version, folder) of this process's cgroups for one controller, the innermost first, then their parents."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    groups = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            groups += [(2, folder) for folder in _with_parents(root, group)]
        elif controller in controllers.split(","):
            groups += [(1, folder) for folder in _with_parents(root / controller, group)]
    return groups


def _with_parents(root: Path, group: str) -> list[Path]:
    folder = root / group.strip("/")
    return [root] if folder == root else [folder, *[parent for parent in folder.parents if parent.is_relative_to(root)]]
