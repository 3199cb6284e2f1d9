"""One contract for every engine that the registry finds, and what processes add to it."""

import multiprocessing
import os
import subprocess
import sys
import time
import types

import pytest

from campaign.engines._available import missing_for
from campaign.engines.base import Death, Failure, Lost
from campaign.engines.workers import fork_server
from campaign.planning.survey import survey
from nnet import registry
from nnet.config import TrainConfig
from tests.campaign import stub


def _with_reason(engine: str):
    """An engine that cannot work here is skipped, and it is said why."""
    reason = missing_for(engine)
    if registry.constant("campaign.engines", engine, "COMMANDS"):
        reason = f"{engine} needs a cluster: make test-cluster"
    return pytest.param(engine, marks=pytest.mark.skipif(reason is not None, reason=reason or ""))


ENGINES = [_with_reason(engine) for engine in registry.names("campaign.engines")]


def configs(*seeds, **changed) -> list[TrainConfig]:
    return [TrainConfig(seed=seed, **changed) for seed in seeds]


def outcomes(engine, seeds, workers=2) -> dict:
    run = registry.load("campaign.engines", engine).run
    return {config.seed: outcome for config, outcome in filter(None, run(configs(*seeds), stub.work, workers))}


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("engine", ENGINES)
def test_every_run_has_one_outcome(engine):
    found = outcomes(engine, range(7))
    assert sorted(found) == list(range(7))
    assert all(outcome["seed"] == seed for seed, outcome in found.items())


@pytest.mark.parametrize("engine", ENGINES)
def test_no_runs_no_outcomes(engine):
    assert outcomes(engine, []) == {}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_raises_fails_with_its_traceback_and_the_others_go_on(engine):
    found = outcomes(engine, [0, stub.RAISES, 1, 2])
    failure = found.pop(stub.RAISES)
    assert isinstance(failure, Failure)
    assert (failure.error, failure.message) == ("ArithmeticError", "this run raises")
    assert "stub.py" in failure.traceback and "in work" in failure.traceback
    assert [found[seed]["seed"] for seed in (0, 1, 2)] == [0, 1, 2]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_exception_that_cannot_be_unpickled_is_a_failure_too(engine):
    failure = outcomes(engine, [stub.ODD])[stub.ODD]
    assert failure.error == "OddError" and failure.message == "3 and 4"


@pytest.mark.parametrize("engine", ENGINES)
def test_less_than_one_worker_is_refused(engine):
    with pytest.raises(ValueError, match="max_workers must be at least 1"):
        outcomes(engine, [0], workers=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gpu_is_not_shared(engine):
    run = registry.load("campaign.engines", engine).run
    with pytest.raises(ValueError, match=r"^use_cuda=True only supports max_workers=1$"):
        next(iter(run(configs(0, use_cuda=True), stub.work, 2)))


@pytest.mark.parametrize(("seed", "how"), [(stub.DIES, "signal 9"), (stub.EXITS, "exit code 0")])
def test_a_worker_that_dies_costs_its_own_run_alone(seed, how):
    found = outcomes("process", [0, 1, seed, 2, 3, 4, seed + 1, 5], workers=3)
    failure = found.pop(seed)
    assert isinstance(failure, Death) and failure.error == "WorkerDied" and how in failure.how
    assert all(not isinstance(outcome, Failure) for outcome in found.values()) and len(found) == 7


def test_a_run_that_takes_too_long_is_ended_and_fails_and_says_where_it_was():
    run = registry.load("campaign.engines", "process").run
    found = {config.seed: outcome for config, outcome in filter(None, run(configs(0, stub.SLOW, 1), stub.work, 2, 1.5))}
    failure = found.pop(stub.SLOW)
    assert type(failure) is Failure and failure.error == "TimedOut" and "after 1.5 s" in failure.message
    assert "stub.py" in failure.traceback and "in work" in failure.traceback
    assert sorted(found) == [0, 1] and not any(isinstance(outcome, Failure) for outcome in found.values())


def test_runs_that_were_under_way_when_the_fork_server_ended_are_lost_and_the_next_ones_go_on():
    run = registry.load("campaign.engines", "process").run
    iterator = run(configs(0, stub.SLOW, 1, 2), stub.work, 2)
    next(filter(None, iterator))
    fork_server.stop()
    found = {config.seed: outcome for config, outcome in filter(None, iterator)}
    assert isinstance(found[stub.SLOW], Lost) and found[2]["seed"] == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_takes_the_next_run_when_it_can_start_it_and_asks_again_when_there_is_none(engine):
    given, taken = [configs(0)[0], None, configs(1)[0], None, configs(2)[0]], []

    def source():
        for config in given:
            taken.append(config)
            yield config

    run = registry.load("campaign.engines", engine).run
    events = list(run(source(), stub.work, 1))
    assert [event[0].seed for event in events if event is not None] == [0, 1, 2]
    assert events.count(None) >= 3 and events[0] is not None and events[1] is None
    assert taken == given


@pytest.mark.parametrize("engine", ["dask", "slurm", "lsf"])
def test_an_engine_without_its_packages_says_what_to_install_and_can_be_listed(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("campaign.engines._available.find_spec", lambda name: None)
    needed = {"dask": "dask and distributed"}.get(engine, "dask and distributed and dask_jobqueue")
    sentence = rf"^the engine '{engine}' needs {needed}: pip install -r requirements-cluster.txt$"
    with pytest.raises(ValueError, match=sentence):
        survey(configs(0), tmp_path, engine)
    assert hasattr(registry.load("campaign.engines", engine), "run")


def test_options_of_an_engine_are_those_of_its_file(tmp_path):
    with pytest.raises(ValueError, match=r"^unknown option 'queue' for process; known options: \[\]$"):
        survey(configs(0), tmp_path, "process", engine_options={"queue": "short"})


def test_a_worker_that_dies_between_two_runs_costs_nothing():
    run = registry.load("campaign.engines", "process").run
    iterator = run(configs(0, 1, 2), stub.work, 1)
    next(filter(None, iterator))
    (worker,) = multiprocessing.active_children()
    worker.kill()
    worker.join()
    time.sleep(0.5)
    assert sorted(outcome["seed"] for _, outcome in filter(None, iterator)) == [1, 2]


def test_runs_happen_in_other_processes_of_which_no_more_than_asked_for():
    pids = {outcome["pid"] for outcome in outcomes("process", range(6), workers=2).values()}
    assert os.getpid() not in pids and 1 <= len(pids) <= 2


def test_threads_are_limited_before_anything_is_imported():
    before = dict(os.environ)
    (outcome,) = outcomes("process", [0]).values()
    assert outcome["threads"] == "1"
    assert dict(os.environ) == before


def test_no_worker_outlives_the_loop():
    run = registry.load("campaign.engines", "process").run
    iterator = run(configs(0, stub.SLOW, 1), stub.work, 2)
    next(filter(None, iterator))
    workers = [child.pid for child in multiprocessing.active_children()]
    assert len(workers) == 2
    start = time.monotonic()
    iterator.close()
    assert time.monotonic() - start < 10
    assert not any(alive(pid) for pid in workers)


@pytest.mark.parametrize("exit_code, lost", [(255, True), (1, False), (-9, False)])
def test_a_worker_of_which_a_dying_fork_server_told_nothing_was_lost_with_it(exit_code, lost):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"]) as server:
        worker = types.SimpleNamespace(exitcode=exit_code)
        assert fork_server.was_lost(worker, server.pid) == lost


def test_a_worker_that_exits_with_255_itself_was_not_lost():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        assert not fork_server.was_lost(types.SimpleNamespace(exitcode=255), server.pid)
