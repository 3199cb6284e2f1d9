"""The launcher is interrupted, terminated or killed: the same command finishes the job."""

import os
import random
import signal
import time

import pytest

from tests.faults.launching import KEPT, LONG, RUNS, assert_same, csv_files, end, kill, session, wait_for, workers_of

STUB = {"STUB": "1"}
QUICK = f"{RUNS} --engine serial"
WRITES = ["replace", *[pytest.param(call, marks=pytest.mark.long) for call in ("fsync", "open")]]


def goes_on(place, undisturbed, seeds: int, base: str, **environment) -> None:
    """The same command finishes what was begun, and everything is as if nothing had happened."""
    finished = len(place.finished())
    code, printed, complaint = place.launch(*KEPT, seeds=seeds, base=base, **environment)
    assert code == 0, complaint
    assert f"{seeds} runs: {finished} finished, {seeds - finished} to do" in printed
    assert_same(place.results, undisturbed(seeds, base, **environment))


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "group"),
    [
        pytest.param(signal.SIGINT, True, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, True, id="SIGTERM to all"),
        pytest.param(signal.SIGTERM, False, id="SIGTERM to the launcher"),
        pytest.param(signal.SIGHUP, True, id="closed terminal"),
    ],
)
def test_an_interruption_keeps_what_is_finished_and_says_how_to_go_on(place, undisturbed, number, group):
    launcher = place.start(*KEPT, seeds=6, base=LONG)
    wait_for(place.finished)
    workers = set(workers_of(launcher.pid))
    (os.killpg if group else os.kill)(launcher.pid, number)
    wait_for(lambda: not workers & session(launcher.pid).keys(), 5)
    code, _, complaint = end(launcher)
    finished = len(place.finished())
    assert code == 130 and f"interrupted: {finished} of 6 runs are finished and kept; the same command" in complaint
    assert "Traceback" not in complaint and finished < 6
    assert csv_files(place.results)["results_per_run"].count("\n") == finished + 1
    assert not place.log("died") and len(place.log("stop")) == 1
    goes_on(place, undisturbed, 6, LONG)


@pytest.mark.long
def test_a_second_interruption_ends_it_at_once(place, undisturbed):
    launcher = place.start(*KEPT, seeds=6, base=LONG)
    wait_for(place.finished)
    os.kill(launcher.pid, signal.SIGINT)
    os.kill(launcher.pid, signal.SIGTERM)
    began = time.monotonic()
    code, _, complaint = end(launcher)
    assert code == 130 and time.monotonic() - began < 2 and "Traceback" not in complaint
    goes_on(place, undisturbed, 6, LONG)


@pytest.mark.long
@pytest.mark.parametrize("after_s", [0.7, 1.5, 3.0])
def test_an_interruption_before_anything_has_started(place, after_s):
    launcher = place.start(seeds=2)
    time.sleep(after_s)
    os.killpg(launcher.pid, signal.SIGINT)
    code, _, complaint = end(launcher)
    if place.results.exists():
        assert code in (0, 130)
    else:
        assert code in (130, -signal.SIGINT) and "semaphore" not in complaint
        assert complaint.count("\n") <= 1 or code == -signal.SIGINT


@pytest.mark.parametrize("call", WRITES)
def test_an_interruption_while_it_writes(place, undisturbed, call):
    """Ctrl-C falls into the writing of a run, a table, the log: what is being written is written."""
    for number in range(1, 40, 3):
        environment = STUB | {"FAILPOINT": {"call": call, "number": number, "how": "interrupt", "sticky": False}}
        code, _, complaint = place.launch(seeds=3, base=QUICK, **environment)
        assert code in (0, 130) and "Traceback" not in complaint
        if code == 0:
            break
    assert place.launch(seeds=3, base=QUICK, **STUB)[0] == 0
    assert_same(place.results, undisturbed(3, QUICK, **STUB))


@pytest.mark.parametrize("call", WRITES)
def test_the_launcher_is_killed_at_every_write(place, undisturbed, call):
    number = killed = 0
    while number < 60:
        number += 1
        environment = STUB | {"FAILPOINT": {"call": call, "number": number, "how": "kill", "sticky": False}}
        code, _, _ = place.launch(seeds=3, base=QUICK, **environment)
        if code == 0:
            break
        killed += 1
        assert code == -signal.SIGKILL
        for path in (place.results / "runs").glob("*.json") if number % 2 else ():
            path.unlink()
    assert killed >= 5
    assert_same(place.results, undisturbed(3, QUICK, **STUB))


@pytest.mark.long
def test_no_worker_outlives_a_launcher_that_is_killed(place, undisturbed):
    launcher = place.start(*KEPT, seeds=4, base=LONG)
    wait_for(lambda: place.started() and len(workers_of(launcher.pid)) == 2)
    kill(launcher.pid)
    wait_for(lambda: not session(launcher.pid).keys() - {launcher.pid}, 5)
    end(launcher)
    code, printed, _ = place.launch(*KEPT, seeds=4, base=LONG)
    assert code == 0
    assert_same(place.results, undisturbed(4, LONG))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_the_launcher_is_killed_at_ten_random_moments(place, undisturbed, seed):
    """Also while it imports, while it writes and when all is done; then it is left to finish."""
    moments = random.Random(seed)
    survived = 0
    for _ in range(10):
        launcher = place.start(*KEPT, seeds=6, base=LONG)
        time.sleep(moments.uniform(0.1, 7.0))
        survived += launcher.poll() is None
        kill(launcher.pid)
        end(launcher)
    code, _, complaint = place.launch(*KEPT, seeds=6, base=LONG)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(6, LONG))
    assert survived >= 5 and not place.log("died") and not place.log("failed")


@pytest.mark.long
def test_a_reader_that_goes_away_does_not_end_a_campaign(place, undisturbed):
    launcher = place.start()
    launcher.stdout.readline()
    launcher.stdout.close()
    with launcher.stderr:
        assert launcher.wait(timeout=60) == 0
    assert_same(place.results, undisturbed())
