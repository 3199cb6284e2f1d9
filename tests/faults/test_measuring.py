"""Kills while trained networks are measured: no point is lost, and none is computed twice but those of the kill."""

from collections import Counter

import pytest

from tests.faults.launching import RUNS, assert_same, end, fork_server_of, kill, wait_for, workers_of

KEEP = ("--epoch-checkpoint-s", "0", "--max-workers", "2")
TRAINED = RUNS.replace("--checkpoint-dir none", "--checkpoint-dir weights")
MORE = TRAINED.replace("--noise-samples 1", "--noise-samples 200")


def computed(place) -> Counter:
    """How often each point was computed."""
    return Counter((place.folder / "points").read_text().splitlines())


@pytest.mark.long
@pytest.mark.parametrize("victim", ["launcher", "worker"])
def test_a_kill_in_the_middle_of_a_sweep_costs_the_points_under_way_alone(place, undisturbed, victim):
    points = str(place.folder / "points")
    assert place.launch(*KEEP, seeds=2, base=TRAINED, POINTS=points)[0] == 0
    assert set(computed(place).values()) == {1} and len(computed(place)) == 4
    launcher = place.start(*KEEP, seeds=2, base=MORE, POINTS=points)
    wait_for(lambda: len(list((place.results / "partial").glob("*.points"))) == 2)
    kill(launcher.pid if victim == "launcher" else workers_of(launcher.pid)[0])
    code, _, complaint = end(launcher)
    if victim == "launcher":
        code, printed, complaint = place.launch(*KEEP, seeds=2, base=MORE, POINTS=points)
        assert "2 runs: 2 trained, 2 to be measured with 199 more draws, 2 of them partly done" in printed
        assert len(place.log("resume")) == 2
    assert code == 0, complaint
    twice = [point for point, count in computed(place).items() if count > 1]
    assert len(computed(place)) == 2 * 201 and len(twice) <= 2
    assert_same(place.results, undisturbed(2, MORE))


@pytest.mark.long
def test_a_fork_server_that_is_killed_costs_measuring_runs_nothing_else(place, undisturbed):
    points = str(place.folder / "points")
    assert place.launch(*KEEP, seeds=2, base=TRAINED, POINTS=points)[0] == 0
    launcher = place.start(*KEEP, seeds=2, base=MORE, POINTS=points)
    wait_for(lambda: len(list((place.results / "partial").glob("*.points"))) == 2)
    kill(fork_server_of(launcher.pid))
    code, _, complaint = end(launcher)
    assert code == 0, complaint
    assert computed(place).total() - len(computed(place)) <= 2
    assert_same(place.results, undisturbed(2, MORE))
