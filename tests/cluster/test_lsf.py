"""The engine `lsf` with a stand-in for bsub: what is submitted, line by line, and that it works where it is run.

LSF has no free scheduler. `tests/cluster/bsub` runs the script that it is given on this machine.
"""

import os
import re

import pytest

from campaign.engines.workers.environment import exported_limits
from tests.cluster import conftest
from tests.faults.launching import assert_same

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
JOBS = "--engine lsf --cores 2 --memory 2GB --walltime 1:00 --queue normal --jobs 1".split()


@pytest.fixture
def stand_in(tmp_path) -> dict[str, str]:
    return conftest.stand_in(tmp_path)


def test_the_submitted_script_and_its_campaign(place, stand_in, undisturbed, tmp_path):
    (place.folder / "cluster.toml").write_text('[lsf]\ndirectives = ["-P project"]\nsetup = ["umask 022"]\n')
    code, printed, complaint = place.launch(*JOBS, **stand_in)
    assert code == 0, complaint
    assert "on 2 worker(s)" in printed
    assert_same(place.results, undisturbed(4))
    lines = (tmp_path / "lsf/1.sh").read_text().splitlines()
    directives = [line for line in lines if line.startswith("#BSUB")]
    assert directives[:1] == ["#BSUB -J dask-worker"] and sorted(directives[1:]) == sorted([
        "#BSUB -e cluster-logs/LSFCluster-0-%J.err", "#BSUB -o cluster-logs/LSFCluster-0-%J.out",
        "#BSUB -q normal", "#BSUB -n 2", '#BSUB -R "span[hosts=1]"', "#BSUB -W 1:00",
        '#BSUB -R "rusage[mem=2GB]"', "#BSUB -P project",
    ])  # fmt: skip
    assert "umask 022" in lines
    assert exported_limits(1) in lines and "OMP_NUM_THREADS=1 " in exported_limits(1)
    (worker,) = [line for line in lines if "dask_worker" in line]
    assert re.search(r"tls://127\.0\.0\.1:\d+ .*--nthreads 1 .*--nworkers 2 .*--host 127\.0\.0\.1 ", worker)


def test_between_two_bounds_as_many_jobs_are_submitted_as_the_runs_need(place, stand_in, undisturbed, tmp_path):
    jobs = [*JOBS[:-1], "1-3", "--cores", "1"]
    code, printed, complaint = place.launch(*jobs, "--max-workers", "2", **stand_in)
    assert code == 0, complaint
    assert "on 2 worker(s)" in printed and len(list((tmp_path / "lsf").glob("*.sh"))) == 2
    assert_same(place.results, undisturbed(4))


def test_what_bsub_complains_of_is_said(place, stand_in, tmp_path):
    refusing = tmp_path / "bin"
    refusing.mkdir()
    for name in ("bsub", "bkill"):
        (refusing / name).write_text("#!/bin/sh\necho 'normal: No such queue. Job not submitted.' >&2\nexit 255\n")
        (refusing / name).chmod(0o755)
    code, _, complaint = place.launch(*JOBS, PATH=f"{refusing}:{os.environ['PATH']}")
    assert code == 1 and "a job cannot be submitted" in complaint and "No such queue" in complaint
    assert "Traceback" not in complaint


def test_jobs_without_limits_or_on_no_network_are_refused(place, stand_in):
    code, printed, complaint = place.launch(*JOBS, "--interface", "nowhere0", **stand_in)
    assert (code, printed) == (2, "") and complaint.count("\n") == 1
    assert complaint.startswith("error: this machine has no network interface 'nowhere0'; choose from ['lo'")
    code, printed, complaint = place.launch("--engine", "lsf", **stand_in)
    assert (code, printed) == (2, "")
    assert complaint == "error: jobs need memory: give --memory, or a line in cluster.toml\n"
