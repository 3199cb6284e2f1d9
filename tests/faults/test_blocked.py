"""Ctrl-C within five seconds, whatever a campaign is waiting for, and nothing is left behind."""

import os
import signal
import time

import pytest

from campaign.engines.workers import tasks
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import runner
from tests.conftest import small_run
from tests.faults.launching import RUNS, end, fork_server_of, kill, session, stub, wait_for, workers_of

TWO = ("--max-workers", "2")


def strike(whom: str, number: int):
    """What is done to a launcher that works: a signal to its fork server, or to one or all of its workers."""

    def action(launcher) -> None:
        victims = [fork_server_of(launcher.pid)] if whom == "fork server" else workers_of(launcher.pid)
        for victim in victims[: 1 if whom == "worker" else None]:
            kill(victim, number)

    return action


def stop_server_and_kill_worker(launcher) -> None:
    """The launcher waits for the end of its worker, of which only the fork server can tell."""
    strike("fork server", signal.SIGSTOP)(launcher)
    strike("worker", signal.SIGKILL)(launcher)


STATES = {
    "fork server killed": strike("fork server", signal.SIGKILL),
    "fork server stopped": strike("fork server", signal.SIGSTOP),
    "fork server stopped, a worker killed": stop_server_and_kill_worker,
    "workers stopped": strike("workers", signal.SIGSTOP),
    "a worker killed": strike("worker", signal.SIGKILL),
}


def interrupt(launcher, number: int = signal.SIGINT) -> str:
    """Send a launcher and all its processes a signal, as a terminal does; it ends with 130 within five seconds."""
    os.killpg(launcher.pid, number)
    began = time.monotonic()
    launcher.wait(timeout=20)
    assert time.monotonic() - began < 5
    wait_for(lambda: not session(launcher.pid), 2)
    code, _, complaint = end(launcher)
    assert code == 130 and "Traceback" not in complaint, complaint
    return complaint


@pytest.mark.long
@pytest.mark.parametrize("after_s", [0.0, 1.5])
@pytest.mark.parametrize("state", STATES)
def test_an_interruption_while_it_works(place, state, after_s):
    launcher = place.start(*TWO, **stub(train=1000))
    wait_for(lambda: len(workers_of(launcher.pid)) == 2 and len(place.log("start")) == 2)
    STATES[state](launcher)
    time.sleep(after_s)
    assert "interrupted: 0 of 4 runs" in interrupt(launcher)
    code, _, complaint = place.launch(*TWO, **stub())
    assert code == 0, complaint


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, 0], ids=["killed", "stopped", "importing"])
def test_an_interruption_while_the_fork_server_imports(place, number):
    launcher = place.start(seeds=2)
    wait_for(lambda: fork_server_of(launcher.pid))
    kill(fork_server_of(launcher.pid), number)
    time.sleep(1)
    assert "nothing was started" in interrupt(launcher)


@pytest.mark.long
@pytest.mark.parametrize("how", ["hang", "deaf", "stop", "server"])
def test_an_interruption_while_a_pilot_works(place, how):
    launcher = place.start(seeds=1, **stub(pilot=how))
    wait_for(lambda: workers_of(launcher.pid))
    time.sleep(1)
    assert "nothing was started" in interrupt(launcher)


@pytest.mark.long
@pytest.mark.parametrize(("how", "event"), [("deaf", "start"), ("kill", "died"), ("server", "lost")])
def test_an_interruption_while_a_worker_hears_no_signal_or_a_run_waits_to_be_tried_again(place, how, event):
    launcher = place.start(seeds=1, **stub(train=how))
    wait_for(lambda: len(place.log(event)) == (1 if how == "deaf" else 2))
    assert "interrupted: 0 of 1 runs" in interrupt(launcher, signal.SIGTERM)


@pytest.mark.long
@pytest.mark.parametrize("moment", ["importing", "working", "stopped"])
def test_nothing_outlives_a_launcher_that_is_killed(place, tmp_path, moment):
    """Neither processes, nor, after the next launch, temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary)} | ({} if moment == "importing" else stub(train=1000))
    launcher = place.start(*TWO, seeds=2, base=RUNS, **environment)
    wait_for(lambda: fork_server_of(launcher.pid))
    if moment != "importing":
        wait_for(lambda: len(workers_of(launcher.pid)) == 2 and len(place.log("start")) == 2)
    if moment == "stopped":
        for pid in [fork_server_of(launcher.pid), *workers_of(launcher.pid)]:
            kill(pid, signal.SIGSTOP)
    kill(launcher.pid)
    wait_for(lambda: not session(launcher.pid).keys() - {launcher.pid}, 2)
    end(launcher)
    time.sleep(2.5)
    assert place.launch(seeds=2, **stub() | {"TMPDIR": str(temporary)})[0] == 0
    assert list(temporary.iterdir()) == []


def test_an_interruption_does_not_wait_for_tables_that_take_long(npz, tmp_path, monkeypatch, capsys):
    def interrupted(config, known=None):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    tried = {"data_sha256": "", "machine": {}, "not_noised": [], "cost": None, "busy": False}
    monkeypatch.setattr(tasks, "pilot", lambda config: tried)
    monkeypatch.setattr(tasks, "look", lambda config: tried)
    campaign = prepare([small_run(npz, seed=seed) for seed in range(3)], Launch(tmp_path / "results", "serial"))
    monkeypatch.setattr(tasks, "train", interrupted)
    monkeypatch.setattr("campaign.analysis.tables.write", lambda store: time.sleep(60))
    began = time.monotonic()
    assert runner.run(campaign) == 130
    assert time.monotonic() - began < 4
    assert "interrupted: 0 of 3 runs are finished and kept; the same command goes on" in capsys.readouterr().err
