"""Campaigns in jobs of a real Slurm of one node."""

import os
import signal
import subprocess
import time

import pytest

from tests.cluster import slurm as slurms
from tests.faults.launching import LONG, assert_same, end, kill, wait_for

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(900),
    pytest.mark.skipif(slurms.missing() is not None, reason=slurms.missing() or ""),
]
JOBS = "--engine slurm --cores 2 --memory 2GB --walltime 1:00 --jobs 2".split()
KEEP = ("--epoch-checkpoint-s", "0")


def launcher_environment(slurm) -> dict[str, str]:
    return os.environ | slurm.environment


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """Its daemons, for all tests of this file. Skips where they do not start, as in some containers."""
    started = slurms.Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        try:
            started.start()
        except AssertionError:
            pytest.skip(f"Slurm is installed but does not start here: {started.complaint()}")
        yield started
    finally:
        started.close()


def test_a_job_is_cancelled_in_the_middle_and_the_campaign_ends_with_the_same_bits(place, slurm, undisturbed):
    launcher = place.start(*JOBS, *KEEP, base=LONG, **slurm.environment)
    wait_for(lambda: list((place.results / "partial").glob("*.epoch")), 200)
    first, *others = slurm.queued()
    assert len(others) == 1  # two jobs of two cores for four runs
    subprocess.run(["scancel", first], env=launcher_environment(slurm), check=True)
    code, printed, complaint = end(launcher, 500)
    assert code == 0, complaint
    assert "on 4 worker(s)" in printed
    assert_same(place.results, undisturbed(4, LONG))
    assert place.log("died") and not place.log("failed")
    wait_for(lambda: slurm.queued() == [], 30)


def test_an_interrupted_campaign_leaves_no_job_in_the_queue_and_goes_on(place, slurm, undisturbed):
    launcher = place.start(*JOBS[:-1], "1", *KEEP, base=LONG, **slurm.environment)  # two runs at a time
    wait_for(lambda: list((place.results / "partial").glob("*.epoch")), 200)
    kill(launcher.pid, signal.SIGINT)
    code, _, complaint = end(launcher)
    assert code == 130 and "the same command goes on from here" in complaint and "Traceback" not in complaint
    wait_for(lambda: slurm.queued() == [], 30)
    assert place.launch(*JOBS, *KEEP, base=LONG, **slurm.environment)[0] == 0
    assert_same(place.results, undisturbed(4, LONG))


def test_the_array_of_a_printed_script_is_the_campaign(place, slurm, undisturbed):
    asked = "--print-job slurm --cores 2 --memory 2GB --walltime 1:00 --jobs 2".split()
    code, script, complaint = place.launch(*asked, **slurm.environment)
    assert code == 0, complaint
    path = place.folder / "job.sh"
    path.write_text(script)
    subprocess.run(["sbatch", str(path)], cwd=place.folder, env=launcher_environment(slurm), check=True)
    wait_for(lambda: len(place.finished()) == 4 and slurm.queued() == [], 300)
    assert_same(place.results, undisturbed(4))
    assert "4 finished, 0 running, 0 failed, 0 pending" in place.launch("--status")[1]


def test_a_job_that_slurm_refuses_is_one_sentence(place, slurm):
    start = time.monotonic()
    code, _, complaint = place.launch(*JOBS, "--queue", "nowhere", **slurm.environment)
    assert code == 1 and "a job cannot be submitted" in complaint and "invalid partition" in complaint
    assert "Traceback" not in complaint and time.monotonic() - start < 100 and not place.started()
