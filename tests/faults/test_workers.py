"""Workers that die, hang, raise or diverge: the run is tried again or given up, the others never notice."""

import json
import random
import time

import pytest

from campaign.engines import process
from campaign.machine.memory import kernel_kills
from nnet.config import TrainConfig
from tests.campaign import stub
from tests.faults.launching import KEPT, LONG, assert_same, end, fork_server_of, kill, wait_for, workers_of

KILLS = 3 if kernel_kills() is None else 6
"""Kills after which a run is given up: more where the kernel says that it sent none of them."""
BY_WHOM = "probably out of memory" if kernel_kills() is None else "which the kernel did not send"


@pytest.mark.long
def test_a_killed_worker_costs_a_run_its_last_epoch_and_the_others_nothing(place, undisturbed):
    code, printed, _ = place.launch(*KEPT, FAULTS=[place.fault("kill", times=1)])
    assert code == 0 and f"its worker died with signal 9 (SIGKILL), {BY_WHOM}" in printed
    assert_same(place.results, undisturbed())
    assert len(place.log("died")) == len(place.log("resume")) == 1 and len(place.log("start")) == 4
    assert "1 of 2 workers are used for a while" in printed


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_run_that_always_kills_its_worker_among_twenty_good_ones(place, undisturbed):
    fault = place.fault("kill", seed=7)
    code, printed, complaint = place.launch("--max-workers", "2", seeds=21, FAULTS=[fault])
    assert code == 1
    assert_same(place.results, undisturbed(21), failed=1)
    (failure,) = (place.results / "failures").iterdir()
    text = failure.read_text()
    assert f"its worker died {KILLS} times, last with signal 9 (SIGKILL), {BY_WHOM}" in text
    assert '"seed": 7' in text and "tried 1 time(s)" in text
    assert f"failed: {failure.stem}: WorkerDied: its worker died {KILLS} times" in complaint
    assert failure.name in complaint
    assert len(place.log("start")) == 20 + KILLS and len(place.log("died")) == KILLS - 1
    assert len(place.log("failed")) == 1
    last = [line for line in (place.results / "campaign.log").read_text().splitlines() if failure.stem in line][-2:]
    assert " start " in last[0] and " failed " in last[1]

    again = place.launch(seeds=21, FAULTS=[fault])
    assert again[0] == 1 and "21 runs: 20 finished, 1 failed (--retry-failed tries them again), 0 to do" in again[1]
    assert len(place.log("start")) == 20 + KILLS
    assert place.launch("--retry-failed", seeds=21, FAULTS=[fault])[0] == 1
    assert len(place.log("start")) == 20 + 2 * KILLS and "tried 2 time(s)" in failure.read_text()
    assert place.launch("--retry-failed", seeds=21)[0] == 0
    assert_same(place.results, undisturbed(21))


FAULTS = {
    "segv": "WorkerDied: its worker died 3 times, last with signal 11 (SIGSEGV)",
    "abort": "WorkerDied: its worker died 3 times, last with signal 6 (SIGABRT)",
    "exit 0": "WorkerDied: its worker died 3 times, last with exit code 0",
    "sys.exit": "SystemExit: 3",
    "interrupt": "KeyboardInterrupt: ",
    "raise": "FaultError: this run raises",
    "memory": "can't allocate memory",
    "hang": "TimedOut: it was not finished after 8 s (run_timeout_s)",
    "stop": "TimedOut: it was not finished after 8 s (run_timeout_s)",
}
SILENT = ("exit 0", "stop")


@pytest.mark.long
def test_every_way_to_end_without_a_result_is_a_failure_that_says_how_among_good_ones(place, undisturbed):
    faults = [place.fault(how, seed) for seed, how in enumerate(FAULTS, start=1)]
    seeds = len(FAULTS) + 3
    code, _, complaint = place.launch("--run-timeout-s", "8", "--max-workers", "2", seeds=seeds, FAULTS=faults)
    assert code == 1 and complaint.count("failed: ") == len(FAULTS)
    assert_same(place.results, undisturbed(seeds), failed=len(FAULTS))
    for seed, (how, said) in enumerate(FAULTS.items(), start=1):
        (failure,) = (place.results / "failures").glob(f"*-seed{seed}-*")
        assert said in failure.read_text() and f'"seed": {seed}' in failure.read_text()
        assert how in SILENT or "start_epoch" in failure.read_text()
        assert any(failure.stem in line and said in line for line in complaint.splitlines())
        starts = [line for line in place.log("start") if failure.stem in line]
        assert len(starts) == (3 if "WorkerDied" in said else 1)
    assert place.launch("--retry-failed", seeds=seeds)[0] == 0
    assert_same(place.results, undisturbed(seeds))


@pytest.mark.long
@pytest.mark.parametrize("how", ["kill", "hang"])
def test_a_fault_in_the_very_first_step_does_not_keep_the_others_from_running(place, undisturbed, how):
    fault = place.fault(how, seed=0, epoch=1)
    code, _, complaint = place.launch("--run-timeout-s", "4", "--max-workers", "2", FAULTS=[fault])
    assert code == 1 and complaint.count("failed: ") == 1
    assert_same(place.results, undisturbed(), failed=1)


@pytest.mark.long
def test_a_run_that_diverges_is_a_result(place, undisturbed):
    code, printed, _ = place.launch(FAULTS=[place.fault("diverge")])
    assert code == 0 and "diverged in epoch 6" in printed
    runs = [json.loads(path.read_text(), parse_constant=pytest.fail) for path in (place.results / "runs").iterdir()]
    (diverged,) = [run for run in runs if run["status"] == "diverged"]
    assert diverged["diverged_epoch"] == 6 and diverged["train_loss"] is None and diverged["measurements"] == []
    assert not list((place.results / "failures").glob("*"))
    again = place.launch()
    assert again[0] == 0 and "4 runs: 4 finished, 0 to do" in again[1]


@pytest.mark.long
def test_the_death_of_the_fork_server_is_charged_to_no_run(place, undisturbed):
    fault = place.fault("fork server", times=4)
    code, _, complaint = place.launch("--max-workers", "2", FAULTS=[fault])
    assert code == 0, complaint
    assert_same(place.results, undisturbed())
    assert place.log("lost") and not place.log("died") and not place.log("failed")


@pytest.mark.long
def test_deaths_are_counted_across_launches(place):
    deaths = place.results / "deaths"
    for count in (1, 2):
        launcher = place.start(*KEPT[2:], FAULTS=[place.fault("kill")], seeds=2)
        wait_for(lambda count=count: any(f'"deaths": {count}' in path.read_text() for path in deaths.glob("*.json")))
        kill(launcher.pid)
        end(launcher)
    code, _, complaint = place.launch(seeds=2, FAULTS=[place.fault("kill")])
    assert code == 1 and f"its worker died {KILLS} times" in complaint


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_workers_that_are_killed_at_random(place, undisturbed, seed):
    moments = random.Random(seed)
    launcher = place.start(*KEPT, seeds=10, base=LONG)
    for _ in range(7):
        time.sleep(moments.uniform(0.2, 1.0))
        if found := workers_of(launcher.pid):
            kill(moments.choice(found))
    code, _, complaint = end(launcher)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(10, LONG))


@pytest.mark.long
def test_all_workers_are_killed_at_once(place, undisturbed):
    launcher = place.start("--max-workers", "3", seeds=6)
    wait_for(lambda: place.started() and len(workers_of(launcher.pid)) == 3)
    for worker in workers_of(launcher.pid):
        kill(worker)
    code, printed, _ = end(launcher)
    assert code == 0 and printed.count("are used for a while") == 1
    assert_same(place.results, undisturbed(6))


@pytest.mark.long
@pytest.mark.parametrize("moment", ["importing", "training"])
def test_the_fork_server_is_killed(place, undisturbed, moment):
    launcher = place.start("--max-workers", "2", seeds=6)
    wait_for(lambda: fork_server_of(launcher.pid))
    if moment != "importing":
        wait_for(place.started)
    kill(fork_server_of(launcher.pid))
    code, _, complaint = end(launcher)
    assert code == 0, complaint
    assert_same(place.results, undisturbed(6))
    assert not place.log("died")


@pytest.mark.long
def test_six_hundred_runs_on_eighty_workers():
    configs = [TrainConfig(seed=seed) for seed in range(1000, 1600)]
    with process.Engine(stub.work, 80) as engine:
        found = {config.seed: outcome for config, outcome in engine.outcomes(configs)}
    assert sorted(found) == list(range(1000, 1600))
    assert all(outcome["seed"] == seed for seed, outcome in found.items())
    assert 40 <= len({outcome["pid"] for outcome in found.values()}) <= 80
