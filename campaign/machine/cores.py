"""The cores that this process may use, and the cgroups that limit them."""

import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Cores that this process may use: its CPU affinity, cut by the CPU quota of its cgroups; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in quotas())]))


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
