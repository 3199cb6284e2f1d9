"""The choice of threads and the wall time, against plain references that try every choice."""

import itertools
import random

import pytest

from campaign.planning import threads
from campaign.planning.wall_time import makespan

SERIAL = 0.1


def seconds_with(threads: int, seconds: float, serial: float = SERIAL) -> float:
    return seconds * (serial + (1 - serial) / threads)


def ends_at(runs: list[tuple[float, int]], workers: int, cores: int) -> float:
    """When the last run ends, in steps of time: whatever fits starts, longest first, widest among equally long ones."""
    waiting, under_way, now = sorted(runs, reverse=True), [], 0.0
    while waiting or under_way:
        for run in list(waiting):
            fits = sum(width for _, width in under_way) + run[1] <= cores or not under_way
            if fits and len(under_way) < workers:
                waiting.remove(run)
                under_way.append((now + run[0], run[1]))
        now = min(end for end, _ in under_way)
        under_way.remove(min(run for run in under_way if run[0] == now))
    return now


def of_all_choices(kinds, workers: int, cores: int) -> float:
    """When the last run ends for the best choice, by trying all of them."""
    walls = []
    for chosen in itertools.product(*(seconds for _, seconds in kinds)):
        runs = [(seconds[n], n) for n, (count, seconds) in zip(chosen, kinds, strict=True) for _ in range(count)]
        walls.append(ends_at(runs, workers, cores))
    return min(walls)


def made_up(numbers: random.Random) -> tuple[list, int, int]:
    """A small campaign: kinds of run, workers and cores."""
    cores = numbers.choice([2, 3, 4, 6, 8, 16])
    kinds = []
    for _ in range(numbers.randint(1, 3)):
        seconds, serial = numbers.choice([5, 20, 100]) * (1 + numbers.random()), numbers.random() / 2
        kinds.append((numbers.randint(1, 3), {n: seconds_with(n, seconds, serial) for n in (1, 2, 4, 8) if n <= cores}))
    return kinds, numbers.choice([cores, cores, 2]), cores


def test_the_choice_is_the_best_of_all_in_nearly_all_small_campaigns():
    numbers, best = random.Random(1), 0
    for _ in range(100):
        kinds, workers, cores = made_up(numbers)
        wall_s, chosen = threads.best(kinds, workers, cores)
        runs = [(seconds[n], n) for n, (count, seconds) in zip(chosen, kinds, strict=True) for _ in range(count)]
        single = [(seconds[1], 1) for count, seconds in kinds for _ in range(count)]
        assert wall_s == pytest.approx(ends_at(runs, workers, cores))
        assert wall_s <= ends_at(single, workers, cores) + 1e-9
        shortest = of_all_choices(kinds, workers, cores)
        assert wall_s < 1.15 * shortest
        best += wall_s < 1.0001 * shortest
    assert best > 90


def test_the_wall_time_of_runs_of_several_widths():
    numbers = random.Random(2)
    for _ in range(50):
        runs = [(numbers.random(), numbers.choice([1, 2, 4])) for _ in range(numbers.randint(1, 9))]
        workers, cores = numbers.randint(1, 6), numbers.randint(1, 8)
        wall_s = makespan([run for run, _ in runs], workers, [n for _, n in runs], cores)
        assert wall_s == pytest.approx(ends_at(runs, workers, cores))


def test_one_long_run_gets_the_cores_that_would_be_idle():
    long = 1, {1: 100.0, 2: 55.0, 4: 32.0}
    assert threads.best([long, (4, {1: 10.0})], 8, 8) == (32.0, [4, 1])
    assert threads.best([long, (4, {1: 10.0})], 8, 4)[1] == [4, 1]  # one after the other: 42 s
    assert threads.best([(8, long[1])], 8, 8) == (100.0, [1])  # no core is idle
    assert threads.best([(1, {1: 100.0, 2: 110.0})], 8, 8) == (100.0, [1])  # nothing is gained


def test_the_serial_share_is_that_of_amdahls_law():
    for serial in (0.0, 0.1, 0.5, 1.0):
        assert threads.serial_share({n: seconds_with(n, 70, serial) for n in (1, 2, 4)}) == pytest.approx(serial)
    assert threads.serial_share({1: 10.0, 2: 12.0}) == 1.0 and threads.serial_share({1: 10.0, 2: 4.0}) == 0.0


# Planning ------------------------------------------------------------------------------------------------------------
