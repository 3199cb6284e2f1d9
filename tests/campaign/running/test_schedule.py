import dataclasses
import signal

import pytest

from campaign.engines.base import Death
from campaign.running.schedule import Schedule
from nnet.config import TrainConfig

CAUSE = "the process that starts workers ended"
CONFIGS = [TrainConfig(seed=seed) for seed in range(40)]
KILLED = Death("WorkerDied", "its worker died", "", -signal.SIGKILL, 100.0)
CRASHED = Death("WorkerDied", "its worker died", "", -signal.SIGSEGV, None)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr("campaign.machine.patience.FIRST_S", 0.0)
    monkeypatch.setattr("campaign.running.schedule.ALONE_S", 0.0)


def schedule(count: int, workers: int = 8, **more) -> Schedule:
    return Schedule(CONFIGS[:count], workers, **more)


def start(runs: Schedule, count: int) -> list[TrainConfig]:
    """Start the next runs, at most `count`, as a launcher with free workers does."""
    started = []
    while len(started) < count and (config := runs.next()) is not None:
        runs.started(config)
        started.append(config)
    return started


def test_runs_start_in_their_order_and_it_ends_when_all_have_ended():
    runs = schedule(3)
    assert start(runs, 3) == CONFIGS[:3]
    assert runs.next() is None and runs.unfinished()
    for config in CONFIGS[:3]:
        runs.ended(config)
    assert runs.next() is None and not runs.unfinished()


def test_no_more_than_the_workers_are_under_way():
    assert start(schedule(5, workers=2), 4) == CONFIGS[:2]


def test_no_more_threads_than_cores_are_under_way():
    wide, wider, narrow, last = (
        dataclasses.replace(CONFIGS[seed], cpu_threads=threads) for seed, threads in enumerate((2, 9, 1, 2))
    )
    runs = Schedule([wide, wider, narrow, last], workers=4, cores=4)
    assert start(runs, 4) == [wide, narrow]  # what does not fit waits, what fits goes before it
    runs.ended(narrow)
    assert start(runs, 4) == [last]
    runs.ended(wide)
    runs.died(last, CRASHED, alone=False)
    assert start(runs, 4) == [last]
    runs.ended(last)
    assert start(runs, 4) == [wider]  # wider than all cores: alone
    runs.ended(wider)
    assert not runs.unfinished()


def test_a_lost_run_is_the_next():
    runs = schedule(5, workers=2)
    start(runs, 2)
    runs.again(CONFIGS[1], CAUSE)
    assert start(runs, 1) == [CONFIGS[1]]


def test_a_kill_halves_the_runs_under_way_until_ten_have_ended_well():
    runs = schedule(40)
    start(runs, 8)
    assert runs.died(CONFIGS[0], KILLED, alone=False) and runs.active == 4
    assert start(runs, 5) == []  # seven are under way
    for config in CONFIGS[1:5]:
        runs.ended(config)
    assert start(runs, 5) == [CONFIGS[0]]
    for config in [*CONFIGS[5:8], CONFIGS[0]]:
        runs.ended(config)
    for config in start(runs, 2):
        runs.ended(config)
    assert runs.active == 8


def test_kills_at_the_same_time_count_once():
    runs = schedule(40)
    start(runs, 8)
    assert [runs.died(config, KILLED, alone=False) for config in CONFIGS[:8]] == [True] + 7 * [False]
    assert runs.active == 4


def test_a_crash_that_is_no_kill_lowers_nothing():
    runs = schedule(40)
    start(runs, 8)
    assert not runs.died(CONFIGS[0], CRASHED, alone=False) and runs.active == 8


def test_one_worker_is_the_least():
    runs = schedule(2, workers=1)
    start(runs, 1)
    assert not runs.died(CONFIGS[0], KILLED, alone=False) and runs.active == 1


def test_the_last_attempt_of_a_suspect_runs_alone_when_the_others_are_through():
    runs = schedule(4, workers=2)
    start(runs, 2)
    runs.died(CONFIGS[0], KILLED, alone=True)
    runs.ended(CONFIGS[1])
    for config in CONFIGS[2:4]:
        assert start(runs, 2) == [config]
        runs.ended(config)
    assert start(runs, 2) == [CONFIGS[0]]
    runs.again(CONFIGS[0], CAUSE)
    assert start(runs, 2) == [CONFIGS[0]] and runs.lonely
    runs.gave_up(CONFIGS[0], KILLED)
    assert runs.next() is None and not runs.unfinished()


def test_runs_that_are_done_are_skipped_and_runs_that_are_elsewhere_are_proposed_again(monkeypatch):
    runs = schedule(3)
    assert runs.next() is CONFIGS[0]  # done: the launcher forgets it
    assert runs.next() is CONFIGS[1]
    runs.elsewhere(CONFIGS[1])
    assert start(runs, 2) == [CONFIGS[2]]
    runs.ended(CONFIGS[2])
    runs.look_again()
    assert runs.next() is None and runs.unfinished()  # not so soon
    monkeypatch.setattr("campaign.running.schedule.LOOK_AGAIN_S", -1)
    runs.look_again()
    assert start(runs, 2) == [CONFIGS[1]]


def test_a_shard_does_not_wait_for_what_is_elsewhere():
    runs = schedule(1, stay=False)
    runs.elsewhere(runs.next())
    assert not runs.unfinished()
