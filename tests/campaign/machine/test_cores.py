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
