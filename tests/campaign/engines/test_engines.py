"""One contract for every engine that the registry finds, and what processes add to it."""

import multiprocessing
import os
import subprocess
import sys
import time
import types

import pytest

from campaign.engines import base
from campaign.engines.base import Death, Failure, Lost, missing_for
from campaign.engines.workers import fork_server
from campaign.grid.settings import Launch
from campaign.planning.survey import survey
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from tests.campaign import stub
from tests.faults.launching import wait_for


def _with_reason(engine: str):
    """An engine that cannot work here is skipped, and it is said why."""
    reason = missing_for(engine)
    if registry.constant("campaign.engines", engine, "COMMANDS"):
        reason = f"{engine} needs a cluster: make test-cluster"
    return pytest.param(engine, marks=pytest.mark.skipif(reason is not None, reason=reason or ""))


ENGINES = [_with_reason(engine) for engine in registry.names("campaign.engines")]


def configs(*seeds, **changed) -> list[TrainConfig]:
    return [TrainConfig(seed=seed, **changed) for seed in seeds]


def made(engine: str, workers: int, timeout_s: float | None = None) -> base.Engine:
    return registry.load("campaign.engines", engine).Engine(stub.work, workers, timeout_s)


def outcomes(engine: str, seeds, workers: int = 2, timeout_s: float | None = None) -> dict:
    with made(engine, workers, timeout_s) as running:
        return {config.seed: outcome for config, outcome in running.outcomes(configs(*seeds))}


def wait_for_one(running: base.Engine) -> list:
    """What ends next."""
    while not (ended := running.ended(base.TICK_S)):
        pass
    return ended


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
def test_the_work_is_given_what_is_known_of_its_run(engine):
    (first, second), known = configs(0, 1), {"run_id": "a", "measurements": [1.5]}
    with made(engine, 1) as running:
        found = {}
        for config, given in ((first, known), (second, None)):
            running.start(config, given)
            found |= {config.seed: outcome["known"] for config, outcome in wait_for_one(running)}
    assert found == {0: known, 1: None}


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
    with pytest.raises(ConfigError, match=r"^use_cuda=True only supports max_workers=1$"), made(engine, 2) as running:
        running.start(configs(0, use_cuda=True)[0])


@pytest.mark.parametrize(("seed", "how"), [(stub.DIES, "signal 9"), (stub.EXITS, "exit code 0")])
def test_a_worker_that_dies_costs_its_own_run_alone(seed, how):
    found = outcomes("process", [0, 1, seed, 2, 3, 4, seed + 1, 5], workers=3)
    failure = found.pop(seed)
    assert isinstance(failure, Death) and failure.error == "WorkerDied" and how in failure.how
    assert all(not isinstance(outcome, Failure) for outcome in found.values()) and len(found) == 7


@pytest.mark.parametrize(
    ("code", "kernel", "how"),
    [
        (-9, None, "with signal 9 (SIGKILL), probably out of memory"),
        (-9, 2, "with signal 9 (SIGKILL), probably out of memory"),
        (-9, 0, "with signal 9 (SIGKILL), which the kernel did not send"),
        (-11, 0, "with signal 11 (SIGSEGV)"),
    ],
)
def test_a_death_tells_a_kernel_without_memory_from_somebody_else(code, kernel, how):
    death = Death("WorkerDied", "its worker died", "", code, 335.2, kernel)
    assert death.how == f"{how}; peak memory 335 MB"
    assert death.from_outside == ("did not send" in how)


def test_a_run_that_takes_too_long_is_ended_and_fails_and_says_where_it_was():
    found = outcomes("process", [0, stub.SLOW, 1], timeout_s=1.5)
    failure = found.pop(stub.SLOW)
    assert type(failure) is Failure and failure.error == "TimedOut" and "after 1.5 s" in failure.message
    assert "stub.py" in failure.traceback and "in work" in failure.traceback
    assert sorted(found) == [0, 1] and not any(isinstance(outcome, Failure) for outcome in found.values())


def test_runs_that_were_under_way_when_the_fork_server_ended_are_lost_and_the_next_ones_go_on():
    slow, *others = configs(stub.SLOW, 1, 2)
    with made("process", 2) as running:
        running.start(slow)
        running.start(others[0])
        wait_for_one(running)
        fork_server.stop()
        ((config, outcome),) = wait_for_one(running)
        assert config is slow and isinstance(outcome, Lost)
        assert [outcome["seed"] for _, outcome in running.outcomes(others[1:])] == [2]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_has_room_for_as_many_runs_as_it_can_start_and_waits_no_longer_than_it_is_told(engine):
    first, second = configs(0, 1)
    with made(engine, 1) as running:
        assert running.room
        start = time.monotonic()
        assert running.ended(0.1) == [] and time.monotonic() - start < 5
        running.start(first)
        assert not running.room
        ((config, outcome),) = wait_for_one(running)
        assert config is first and outcome["seed"] == 0 and running.room
        running.start(second)
        assert [config for config, _ in wait_for_one(running)] == [second]


@pytest.mark.parametrize("engine", ["dask", "slurm", "lsf"])
def test_an_engine_without_its_packages_says_what_to_install_and_can_be_listed(engine, tmp_path, monkeypatch):
    monkeypatch.setattr("campaign.engines.base.find_spec", lambda name: None)
    needed = "dask and distributed and cryptography" + " and dask_jobqueue" * (engine != "dask")
    sentence = rf"^engine '{engine}' needs {needed}: pip install -r requirements-cluster.txt$"
    with pytest.raises(ValueError, match=sentence):
        survey(configs(0), Launch(tmp_path, engine))
    assert hasattr(registry.load("campaign.engines", engine), "Engine")


def test_options_of_an_engine_are_those_of_its_file(tmp_path):
    with pytest.raises(ValueError, match=r"^unknown option 'queue' of process; it has no options$"):
        survey(configs(0), Launch(tmp_path, "process"), engine_options={"queue": "short"})


def test_a_worker_that_dies_between_two_runs_costs_nothing():
    with made("process", 1) as running:
        running.start(configs(0)[0])
        wait_for_one(running)
        (worker,) = multiprocessing.active_children()
        worker.kill()
        worker.join()
        time.sleep(0.5)
        assert sorted(outcome["seed"] for _, outcome in running.outcomes(configs(1, 2))) == [1, 2]


def test_runs_happen_in_other_processes_of_which_no_more_than_asked_for():
    pids = {outcome["pid"] for outcome in outcomes("process", range(6), workers=2).values()}
    assert os.getpid() not in pids and 1 <= len(pids) <= 2


def test_threads_are_limited_before_anything_is_imported():
    before = dict(os.environ)
    (outcome,) = outcomes("process", [0]).values()
    assert outcome["threads"] == "1"
    assert dict(os.environ) == before


def test_no_worker_outlives_the_engine():
    running = made("process", 2)
    for config in configs(0, stub.SLOW):
        running.start(config)
    wait_for_one(running)
    workers = [child.pid for child in multiprocessing.active_children()]
    assert len(workers) == 2
    start = time.monotonic()
    running.close()
    assert time.monotonic() - start < 10
    assert not any(alive(pid) for pid in workers)


def test_an_interruption_ends_the_workers_and_the_process_that_forks_them():
    with pytest.raises(KeyboardInterrupt), made("process", 1) as running:
        running.start(configs(stub.SLOW)[0])
        (worker,) = multiprocessing.active_children()
        raise KeyboardInterrupt
    wait_for(lambda: not alive(worker.pid), 10)
    assert fork_server.was_lost(types.SimpleNamespace(exitcode=fork_server.UNTOLD), fork_server.pid())


def test_a_scheduler_states_what_a_printed_script_needs():
    assert base.schedulers() == ["lsf", "slurm"]
    for name in base.schedulers():
        engine = registry.load("campaign.engines", name)
        lines = engine.directives(engine.Options(memory="2GB", walltime="1:00", jobs="3"), "name")
        assert all(line.startswith("#") for line in lines) and any("1-3" in line for line in lines)
        assert engine.SUBMIT and engine.ARRAY_INDEX


@pytest.mark.parametrize("exit_code, lost", [(255, True), (1, False), (-9, False)])
def test_a_worker_of_which_a_dying_fork_server_told_nothing_was_lost_with_it(exit_code, lost):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.3)"]) as server:
        worker = types.SimpleNamespace(exitcode=exit_code)
        assert fork_server.was_lost(worker, server.pid) == lost


def test_a_worker_that_exits_with_255_itself_was_not_lost():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        assert not fork_server.was_lost(types.SimpleNamespace(exitcode=255), server.pid)
