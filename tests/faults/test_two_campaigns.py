"""Two campaigns on one folder at the same time, and what they leave to each other."""

import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from nnet.files.host import BOOT, HOST
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
    assert any("works on this folder too: its runs are left to it" in printed for _, printed, _ in ends)
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


def dead() -> dict:
    process = subprocess.Popen(["true"])
    process.wait()
    return {"host": HOST, "boot": BOOT, "pid": process.pid, "started": "then"}


def claim(path: Path, owner: dict | str, age_s: float = 0) -> None:
    """Somebody else's claim on a run."""
    path.write_text(owner if isinstance(owner, str) else json.dumps(owner))
    os.utime(path, (time.time() - age_s,) * 2)


@pytest.fixture
def claims(place, undisturbed) -> list[Path]:
    """Where claims on the runs of a campaign of five would be."""
    folder = place.results / "claims"
    folder.mkdir(parents=True)
    return [folder / path.name for path in (undisturbed(5) / "runs").glob("*.json")]


@pytest.mark.long
def test_dead_claims_are_taken_over(place, claims, undisturbed):
    claim(claims[0], dead())
    claim(claims[1], dead() | {"pid": 1})  # the pid is another process's now
    claim(claims[2], {"host": "another-machine", "pid": 1, "started": "then"}, age_s=1000)
    claim(claims[3], "", age_s=20)
    claim(claims[4], "{", age_s=20)
    assert place.launch(seeds=5)[0] == 0
    assert_same(place.results, undisturbed(5))


@pytest.mark.long
def test_a_living_claim_of_another_machine_is_respected_and_waited_for(place, claims, undisturbed):
    claim(claims[0], {"host": "another-machine", "pid": 1, "started": "then"})
    launcher = place.start(seeds=5)
    wait_for(lambda: len(place.finished()) == 4)
    time.sleep(3)
    assert launcher.poll() is None and len(place.log("start")) == 4
    claims[0].unlink()
    code, printed, _ = end(launcher)
    assert code == 0 and "process 1 on another-machine works on this folder too" in printed
    assert_same(place.results, undisturbed(5))
