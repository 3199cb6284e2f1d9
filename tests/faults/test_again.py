"""What chance has ended is tried again, with pauses and a bound; a fault of the environment is blamed on no run."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from campaign.engines import base
from campaign.engines.base import Death, Lost, NotStarted
from campaign.engines.workers import pilot
from campaign.grid.settings import Launch
from campaign.machine import patience
from campaign.planning.survey import prepare
from campaign.running.schedule import Schedule
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.conftest import small_run
from tests.faults.launching import end, kill, stub, workers_of

KILLED = Death("WorkerDied", "its worker died", "", -9, 100.0)
CONFIGS = [TrainConfig(seed=seed) for seed in range(12)]


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_pauses_double_up_to_a_bound_and_what_keeps_failing_is_given_up_with_its_cause(clock):
    trying, pauses = patience.Patience(), []
    with pytest.raises(ChildProcessError, match="workers could not work 8 times in a row: no room"):
        while True:
            pauses.append(trying.failed("no room"))
            assert trying.pausing and trying.failed("at the same time") == 0
            clock[0] += pauses[-1]
            assert not trying.pausing
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_what_has_worked_once_is_tried_again_as_if_it_had_never_failed(clock):
    trying = patience.Patience()
    for _ in range(50):
        assert trying.failed("chance") == 1
        clock[0] += 1
        trying.worked()


def test_runs_that_are_killed_together_wait_and_are_not_given_up(clock):
    """Twelve runs, two at a time, and whatever starts within the first twenty seconds is killed."""
    runs, deaths, began = Schedule(CONFIGS, 2), dict.fromkeys(CONFIGS, 0), clock[0]
    while runs.unfinished():
        while (config := runs.next()) is not None:
            runs.started(config)
            if clock[0] - began >= 20:
                runs.ended(config)
                continue
            deaths[config] += 1
            runs.died(config, KILLED, alone=deaths[config] == 2)
        clock[0] += 0.2
    assert 2 <= sum(deaths.values()) and max(deaths.values()) < 3


@pytest.mark.parametrize(("kernel_kills", "seconds"), [(None, 30), (1, 30), (0, 1)])
def test_the_pause_before_a_last_attempt_is_long_if_memory_may_have_run_out(clock, kernel_kills, seconds):
    runs = Schedule(CONFIGS[:1], 1)
    runs.started(runs.next())
    runs.died(CONFIGS[0], replace(KILLED, kernel_kills=kernel_kills), alone=True)
    clock[0] += seconds - 0.1
    assert runs.next() is None
    clock[0] += 0.2
    assert runs.next() is CONFIGS[0]


def test_a_run_that_was_killed_waits_until_its_memory_is_free(clock, monkeypatch):
    free = [100.0]
    monkeypatch.setattr("campaign.machine.memory.free_mb", lambda: free[0])
    runs = Schedule(CONFIGS[:1], 1, need_mb=lambda config: 500.0)
    runs.started(runs.next())
    runs.died(CONFIGS[0], KILLED, alone=False)
    clock[0] += 60
    assert runs.next() is None
    free[0] = 600.0
    assert runs.next() is CONFIGS[0]


class Narrow(base.Engine):
    """An engine that can start two workers and no third one, and that loses each run once."""

    def set_up(self):
        self.busy, self.lost = [], set()

    @property
    def room(self):
        return len(self.busy) < self.workers

    def start(self, config, known=None):
        if len(self.busy) == 2:
            raise NotStarted("no further worker can be started")
        self.busy.append(config)

    def ended(self, wait_s):
        ended, self.busy = self.busy, []
        first = [config for config in ended if config not in self.lost]
        self.lost |= {*ended}
        return [(config, Lost("WorkerLost", "gone", "") if config in first else {}) for config in ended]


def test_failing_to_start_one_more_worker_ends_nothing(monkeypatch):
    monkeypatch.setattr(patience, "FIRST_S", 0.0)
    found = [config for config, _ in Narrow(None, 8).outcomes(CONFIGS)]
    assert sorted(config.seed for config in found) == list(range(12))


@pytest.mark.parametrize("error", [RuntimeError("no kernel for it"), MemoryError("no memory"), KeyError("a library")])
def test_an_error_that_hits_every_run_is_said_once_and_marks_none(npz, tmp_path, monkeypatch, error):
    def failing(config):
        raise error

    monkeypatch.setattr(pilot, "try_set_up", failing)
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    configs = [small_run(npz, seed=seed, arch=arch) for seed in (0, 1) for arch in ("mlp_small", "cnn")]
    with pytest.raises(ConfigError, match=f"nothing that was tried can be set up: {type(error).__name__}: "):
        prepare(configs, Launch(tmp_path / "results", "serial"))
    assert not (tmp_path / "results").exists()


@pytest.mark.long
@pytest.mark.parametrize(("stage", "code"), [("pilot", 2), ("train", 1)])
def test_a_fork_server_that_always_dies_is_given_up_with_a_sentence_and_no_run_is_blamed(place, stage, code):
    ended, printed, complaint = place.launch("--max-workers", "2", **stub(**{stage: "server"}), FIRST_S="0.1")
    assert ended == code and "Traceback" not in complaint
    assert "workers could not work 8 times in a row: the process that starts workers ended" in complaint
    assert not list(place.results.glob("failures/*")) and not list(place.results.glob("deaths/*"))
    if stage == "train":
        assert "the process that starts workers ended; tried again in" in printed
    assert place.launch(**stub())[0] == 0


@pytest.mark.long
def test_workers_that_are_all_killed_for_twenty_seconds_cost_no_run(place):
    launcher = place.start("--max-workers", "2", seeds=12, **stub(train=0.5))
    finish = time.monotonic() + 60
    while time.monotonic() < finish and not place.log("died"):
        for pid in workers_of(launcher.pid) if place.log("start") else ():
            kill(pid)
    finish = time.monotonic() + 20
    while time.monotonic() < finish:
        for pid in workers_of(launcher.pid):
            kill(pid)
        time.sleep(0.05)
    code, _, complaint = end(launcher)
    assert code == 0 and not place.log("failed"), complaint


SCRIPT = """
import campaign
from nnet.config import TrainConfig
runs = [TrainConfig(dataset="digits", arch="mlp_small", epochs=1, alpha_tests=(0,), seed=seed) for seed in range(3)]
raise SystemExit(campaign.run(runs, output_dir="results", max_workers=2))
"""


@pytest.mark.long
@pytest.mark.parametrize("how", ["file", "standard input"])
def test_a_script_needs_no_main_guard(place, how):
    (place.folder / "script.py").write_text(SCRIPT)
    words, given = (["script.py"], "") if how == "file" else (["-"], SCRIPT)
    environment = os.environ | {"STUB": "1", "PYTHONPATH": str(place.project)}
    done = subprocess.run(
        [sys.executable, *words], input=given, cwd=place.folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(place.finished()) == 3
