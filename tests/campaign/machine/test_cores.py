import os

from campaign.machine import cores


def test_usable_cores_follow_the_affinity():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= cores.usable_cores() <= len(before)


def test_a_cgroup_quota_of_the_group_or_a_parent_counts(tmp_path):
    membership = tmp_path / "cgroup"
    group = tmp_path / "root" / "user" / "job"
    group.mkdir(parents=True)
    membership.write_text("0::/user/job\n")
    (group / "cpu.max").write_text("max 100000\n")
    (group.parent / "cpu.max").write_text("250000 100000\n")
    assert cores.quotas(tmp_path / "root", membership) == [2.5]


def test_a_cgroup_of_the_first_version_counts(tmp_path):
    membership = tmp_path / "cgroup"
    group = tmp_path / "root" / "cpu" / "job"
    group.mkdir(parents=True)
    membership.write_text("5:cpu,cpuacct:/job\n3:memory:/job\n")
    (group / "cpu.cfs_quota_us").write_text("400000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    (group.parent / "cpu.cfs_quota_us").write_text("-1\n")
    (group.parent / "cpu.cfs_period_us").write_text("100000\n")
    assert cores.quotas(tmp_path / "root", membership) == [4.0]


def test_no_cgroups_no_quotas(tmp_path):
    assert cores.quotas(tmp_path, tmp_path / "missing") == []


def test_idle_cores_are_those_on_which_nothing_else_works(tmp_path, monkeypatch):
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    stat = tmp_path / "stat"

    def ticks(*cores_of: tuple[int, int, int]) -> str:
        """User, idle and stolen time of each core; a process that moves between cores is on two of them."""
        lines = [f"cpu{core} {user} 0 0 {idle} 0 0 0 {steal} 0 0" for core, (user, idle, steal) in enumerate(cores_of)]
        return "\n".join(["cpu  1 2 3 4 5 6 7 8 9 0", *lines, "intr 5"])

    def idle_after(*later: tuple[int, int, int]) -> int:
        stat.write_text(ticks(*[(0, 0, 0)] * 5))
        monkeypatch.setattr(cores.time, "sleep", lambda seconds: stat.write_text(ticks(*later)))
        return cores.idle_cores(stat)

    idle, busy, half, stolen = (0, 100, 0), (100, 0, 0), (55, 45, 0), (0, 0, 100)
    assert idle_after(idle, idle, idle, idle, busy) == 4  # the fifth is not in the affinity
    assert idle_after(half, half, idle, busy, idle) == 2
    assert idle_after(busy, stolen, busy, busy, idle) == 1
    monkeypatch.setattr(cores, "quotas", lambda: [3.5])
    assert idle_after(idle, idle, idle, idle, idle) == 3
    assert cores.idle_cores(tmp_path / "none") == 3
