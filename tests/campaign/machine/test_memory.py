import os
import re
from pathlib import Path

import numpy as np

from campaign.machine import memory

MB = 2**20


def machine(tmp_path, available_mb: int, cgroup: str):
    """The files of a machine with `available_mb` of free memory, and a process in one cgroup."""
    meminfo, membership = tmp_path / "meminfo", tmp_path / "cgroup"
    meminfo.write_text(f"MemTotal:  {available_mb * 4096} kB\nMemAvailable:   {available_mb * 1024} kB\n")
    membership.write_text(cgroup)
    return {"root": tmp_path / "root", "membership": membership, "meminfo": meminfo}


def test_free_memory_is_what_the_machine_has_available(tmp_path):
    assert memory.free_mb(**machine(tmp_path, 4000, "")) == 4000


def test_the_limit_of_a_cgroup_or_a_parent_counts_and_its_page_cache_does_not(tmp_path):
    files = machine(tmp_path, 4000, "0::/user/job\n")
    group = tmp_path / "root/user/job"
    group.mkdir(parents=True)
    for folder, limit in ((group, "max"), (group.parent, str(1000 * MB))):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{700 * MB}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {300 * MB}\n")
    assert memory.free_mb(**files) == 600


def test_a_cgroup_of_the_first_version_counts(tmp_path):
    files = machine(tmp_path, 4000, "5:cpu:/job\n3:memory:/job\n")
    group = tmp_path / "root/memory/job"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_text(f"{500 * MB}\n")
    (group / "memory.usage_in_bytes").write_text(f"{200 * MB}\n")
    (group / "memory.stat").write_text(f"inactive_file 1\ntotal_inactive_file {50 * MB}\n")
    assert memory.free_mb(**files) == 350


def test_the_kernel_says_how_many_processes_it_has_killed_for_lack_of_memory(tmp_path):
    vmstat = tmp_path / "vmstat"
    assert memory.kernel_kills(vmstat) is None
    vmstat.write_text("nr_free_pages 5\n")
    assert memory.kernel_kills(vmstat) is None
    vmstat.write_text("nr_free_pages 5\noom_kill 12\n")
    assert memory.kernel_kills(vmstat) == 12


def test_where_nothing_is_known_nothing_is_limited(tmp_path):
    nothing = tmp_path / "missing"
    assert memory.free_mb(nothing, nothing, nothing) == float("inf")
    assert memory.fitting_workers([500] * 9, 8, float("inf")) == 8


def test_as_many_workers_as_fit_of_the_largest_runs():
    room = memory.MARGIN * 1000 + memory.SPARE_MB  # for one run of 1000 MB
    free = 10 * room / memory.USABLE
    assert memory.fitting_workers([1000] * 50, 8, free) == 8
    assert memory.fitting_workers([1000] * 50, 20, free) == 10
    assert memory.fitting_workers([1000] * 5, 20, free) == 20  # no more than five are ever under way
    assert memory.fitting_workers([1000, 6000, 3000, 2000], 4, free) == 2
    assert memory.fitting_workers([50_000], 4, free) == 1
    assert memory.fitting_workers([], 4, free) == 4


def test_memory_that_this_process_takes_is_its_own_peak():
    before = memory.own_peak_mb()
    peak_kb, now_kb = map(int, re.findall(r"(?:VmHWM|VmRSS):\s+(\d+)", Path("/proc/self/status").read_text()))
    block = np.ones((100 + (peak_kb - now_kb) // 1024) * MB // 8)  # above the peak that other tests have left
    taken = memory.own_peak_mb() - before
    del block
    assert 50 < taken < 150
    assert memory.own_peak_mb() - before > 50
    assert memory.peak_mb(os.getpid()) > 100 and memory.peak_mb(2**22 + 1) is None
