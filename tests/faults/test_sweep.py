"""Whatever file operation fails, is shortened or kills the launcher: no traceback, nothing lost, the same results."""

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.faults.sweep import ERRNOS


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_every_file_operation_goes_wrong_in_every_way(tmp_path):
    command = [sys.executable, "-m", "tests.faults.sweep", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(found)
    wrong = {name: found[name] for name in ("tracebacks", "lost", "different")}
    assert wrong == {"tracebacks": 0, "lost": 0, "different": 0}, done.stderr
    assert found["operations"] > 150 and found["errnos"] == sorted(ERRNOS)
    assert found["modes"] == ["fail", "fail from there on", "kill", "shorten", "shorten from there on"]
