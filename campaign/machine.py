"""What this process may use of the machine."""

import os
from pathlib import Path


def usable_cores() -> int:
    """Cores that this process may use: its CPU affinity, cut by the CPU quota of its cgroups; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, min([cores, *(int(quota) for quota in quotas())]))


def quotas(root: Path = Path("/sys/fs/cgroup"), membership: Path = Path("/proc/self/cgroup")) -> list[float]:
    """The CPU quotas, in cores, of this process's cgroups (version 1 or 2) and of their parents."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            found += [_quota_v2(folder) for folder in _with_parents(root, group)]
        elif "cpu" in controllers.split(","):
            found += [_quota_v1(folder) for folder in _with_parents(root / "cpu", group)]
    return [quota for quota in found if quota is not None]


def _with_parents(root: Path, group: str) -> list[Path]:
    folder = root / group.strip("/")
    return [root] if folder == root else [folder, *[parent for parent in folder.parents if parent.is_relative_to(root)]]


def _quota_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        return None
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return None if quota < 0 else quota / period
