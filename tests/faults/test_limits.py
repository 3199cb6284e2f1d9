"""What the system grants a launcher and its workers: open files, processes, cores, signals."""

import os
import resource
import subprocess
import sys

import pytest

from campaign.engines.workers import inherited
from campaign.machine import budget
from tests.faults.launching import end


def test_a_launch_plans_no_more_workers_than_its_hard_limits_allow_and_raises_the_soft_ones(monkeypatch):
    opened = len(os.listdir("/proc/self/fd"))
    limits = {resource.RLIMIT_NOFILE: (256, 256 + opened), resource.RLIMIT_NPROC: (100, 5000)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", limits.__setitem__)
    fitting, why = budget.fitting_workers(80, 1)
    assert 12 <= fitting <= 17 and "open files" in why
    budget.raise_limits(fitting)
    assert limits[resource.RLIMIT_NOFILE][0] > 256 and limits[resource.RLIMIT_NPROC][0] == 5000
    assert budget.fitting_workers(1, 1)[0] == 1


def test_the_processes_of_a_cgroup_limit_the_workers(tmp_path, monkeypatch):
    membership, group = tmp_path / "cgroup", tmp_path / "root/user/job"
    membership.write_text("0::/user/job\n")
    group.mkdir(parents=True)
    for folder, most in ((group, "max"), (group.parent, "100")):
        (folder / "pids.max").write_text(f"{most}\n")
        (folder / "pids.current").write_text("40\n")
    assert budget.free_tasks_of_groups(tmp_path / "root", membership) == 60
    monkeypatch.setattr(budget, "_free_tasks", lambda: 60.0)
    assert budget.fitting_workers(80, 1)[0] == (60 - budget.TASKS_ELSE) // 6


def test_one_more_worker_is_not_begun_without_the_files_that_it_needs():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    budget.require_room(1)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 4, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            budget.require_room(1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


SPOILT = """
import os, resource, signal
from campaign.engines.workers.inherited import State
state = State.now()
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGCHLD])
signal.signal(signal.SIGTERM, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_NOFILE, (30, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
assert State.now() != state
state.restore()
assert State.now() == state and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""


def test_a_worker_has_the_cores_masks_and_limits_of_its_launcher_whatever_libraries_did_at_import():
    assert inherited.State.now() == inherited.State.now()
    done = subprocess.run([sys.executable, "-c", SPOILT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
@pytest.mark.parametrize("limit", [40, 64, 100])
def test_a_small_limit_of_open_files_means_fewer_workers(place, limit):
    words = place.command("--max-workers", "30", seeds=40)
    process = subprocess.Popen(
        words, cwd=place.folder, env=os.environ | {"STUB": "1"}, text=True, start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    code, printed, complaint = end(process)
    assert code == 0 and "Traceback" not in complaint, complaint
    assert len(place.finished()) == 40 and f"{limit} open files (ulimit -n) suffice for" in printed
