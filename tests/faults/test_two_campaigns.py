"""Two campaigns on one folder at the same time, and what they leave to each other."""

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections import Counter

import pytest

from tests.faults.launching import LONG, assert_same, end, kill, wait_for

ONE = ("--max-workers", "1", "--epoch-checkpoint-s", "0")


def starts(place) -> Counter:
    return Counter(line.split()[3] for event in ("start", "resume") for line in place.log(event))


@pytest.mark.long
def test_both_go_on_and_no_run_is_done_twice(place, undisturbed):
    first = place.start(*ONE, seeds=6, base=LONG)
    second = place.start(*ONE, seeds=6, base=LONG)
    ends = [end(first), end(second)]
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert_same(place.results, undisturbed(6, LONG))
    assert set(starts(place).values()) == {1} and len(starts(place)) == 6
    assert any("is at work on this folder too: its runs are left to it" in printed for _, printed, _ in ends)
    for _, printed, _ in ends:
        assert re.search(r"\[6/6\]", printed) or "finished, 0 to do" in printed or "digits: 6 of 6 runs" in printed


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_one_of_them_ends_and_the_other_takes_over_what_it_had(place, undisturbed, number):
    first = place.start(*ONE, seeds=4, base=LONG)
    wait_for(place.started)
    second = place.start(*ONE, seeds=4, base=LONG)
    wait_for(lambda: len(list((place.results / "claims").glob("*.json"))) == 2 or second.poll() is not None)
    kill(first.pid, number)
    end(first)
    code, _, complaint = end(second)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(4, LONG))


def claim(place, owner: dict | str, age_s: float = 0) -> None:
    """A claim on every run of the campaign, of somebody else."""
    folder = place.results / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    for run_id in place.run_ids:
        path = folder / f"{run_id}.json"
        path.write_text(owner if isinstance(owner, str) else json.dumps(owner))
        os.utime(path, (time.time() - age_s,) * 2)


def dead() -> dict:
    process = subprocess.Popen(["true"])
    process.wait()
    return {"host": socket.gethostname().split(".")[0], "pid": process.pid, "started": "then"}


@pytest.fixture
def claimed(place, undisturbed):
    place.run_ids = [path.stem for path in (undisturbed(4) / "runs").glob("*.json")]
    return place


@pytest.mark.long
@pytest.mark.parametrize(
    ("owner", "age_s"),
    [
        (dead(), 0),
        (dead() | {"pid": 1}, 0),
        ({"host": "another-machine", "pid": 1, "started": "then"}, 1000),
        ("", 20),
        ("{", 20),
    ],
    ids=["its process has ended", "its pid is another process's now", "long silent machine", "empty", "half-written"],
)
def test_a_dead_claim_is_taken_over(claimed, undisturbed, owner, age_s):
    claim(claimed, owner, age_s)
    assert claimed.launch()[0] == 0
    assert_same(claimed.results, undisturbed(4))


@pytest.mark.long
def test_a_living_claim_of_another_machine_is_respected_and_waited_for(claimed, undisturbed):
    claim(claimed, {"host": "another-machine", "pid": 1, "started": "then"})
    launcher = claimed.start()
    wait_for(lambda: len(claimed.log("launch")) == 1 if claimed.results.joinpath("campaign.log").exists() else False)
    time.sleep(3)
    assert not claimed.started() or not claimed.log("start")
    for path in (claimed.results / "claims").glob("*.json"):
        path.unlink()
    code, printed, _ = end(launcher)
    assert code == 0 and "process 1 on another-machine is at work on this folder too" in printed
    assert_same(claimed.results, undisturbed(4))
