"""How many threads each run has where `cpu_threads` is "auto": as many as let the campaign end soonest.

A run has one thread where the campaign keeps all cores busy anyway. Where cores would be idle, the kinds of run on
which the wall time depends are measured with 2, 4 and 8 threads, as far as cores are idle. Beyond that Amdahl's law
(1967), fitted to these measurements, says how long a run takes: t(n) = t(1)·(s + (1 − s)/n), where s is the serial
share. Runs of one kind and one length have the same number of threads. Runs that are under way at the same time never
have more threads than there are idle cores, nor more than `max_workers`.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.machine.console import duration
from campaign.machine.cores import idle_cores, usable_cores
from campaign.planning import costs, fitting
from campaign.planning.choice import Choice, with_threads
from campaign.planning.cost import Cost, kind_of
from campaign.planning.wall_time import makespan
from nnet.config import TrainConfig

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign

MEASURED = (2, 4, 8)
"""The numbers of threads that are measured."""
FURTHER = 4
"""How many times as many threads as were measured a run may have by Amdahl's law."""
LEAST_S, LEAST_SHARE = 30.0, 0.1
"""The campaign must end sooner by at least this many seconds and this share; else all runs have one thread."""
STARTS = 3
"""How many of the best first choices are improved step by step."""
SCALED = ("setting_up_s", "step_s", "epoch_s", "pass_s", "image_s")

Kind = tuple[int, Mapping[int, float]]
"""Equal runs: how many, and the seconds of one by its number of threads."""


def recorded(campaign: "Campaign") -> Choice:
    """The threads of the runs to do that have some already: those of their run files, or of an earlier launch."""
    threads, known = {}, campaign.state().known
    earlier = {name: store.threads() for name, store in campaign.stores.items()}
    for config in campaign.pending:
        if config.cpu_threads == "auto":
            run, before = known[config.run_id], earlier[config.dataset_name].get(config.run_id)
            threads[config.run_id] = before if run is None else run["provenance"].get("threads", 1)
    return Choice({run_id: number for run_id, number in threads.items() if type(number) is int and number > 0})


def settle(campaign: "Campaign", memory_check: bool, here: bool = True) -> list[str]:
    """Set the workers of a campaign to those for which this machine has room, and the threads of its runs.

    `here`: whether the campaign is for this machine; if not, for one with an idle core for each worker. Returns notes.
    """
    cores, at_once, notes = campaign.workers, campaign.at_once, []
    fits = here and not campaign.elsewhere
    if fits:
        campaign.workers, notes = fitting.fitting_workers(campaign, memory_check)
    said = _choose(campaign, cores, at_once, here) if campaign.shares_cores else []
    if fits and campaign.choice.cores is not None:
        campaign.workers, further = fitting.fitting_workers(campaign, memory_check)
        notes += further
    return notes + said


def first(seconds: Mapping[str, float]) -> Callable[[TrainConfig], tuple[float, int]]:
    """The order in which runs start, as a key for sorting: the longest first, of equally long ones the widest."""
    return lambda config: (-seconds[config.run_id], -config.threads)


def best(kinds: Sequence[Kind], workers: int, cores: int) -> tuple[float, list[int]]:
    """The choice with which the last run ends soonest: when that is, in seconds, and the threads of each kind.

    First, for each limit, the cheapest threads with which no run is longer; then the best of these choices are improved
    by changing one kind at a time. That finds the best of all choices for nearly all small campaigns, and never a worse
    one than the fewest threads.
    """

    def rated(threads: Sequence[int]) -> tuple[float, int, list[int]]:
        runs = [(seconds[n], n) for n, (count, seconds) in zip(threads, kinds, strict=True) for _ in range(count)]
        wall_s = makespan([run for run, _ in runs], workers, [n for _, n in runs], cores)
        return wall_s, sum(n for _, n in runs), list(threads)

    starts = [[min(seconds) for _, seconds in kinds]]
    for limit in sorted({second for _, seconds in kinds for second in seconds.values()}):
        works = [{n: n * second for n, second in seconds.items() if second <= limit} for _, seconds in kinds]
        if all(works):
            starts.append([min(work, key=lambda n: (work[n], n)) for work in works])  # noqa: B023 - called at once
    ends = [_improved(start, kinds, rated) for start in sorted(map(rated, starts))[:STARTS]]
    wall_s, _, threads = min(ends)
    return wall_s, threads


def _improved(now: tuple, kinds: Sequence[Kind], rated: Callable) -> tuple[float, int, list[int]]:
    """The choice after the best change of one kind, again and again until no change is better."""
    while True:
        threads = now[-1]
        changed = [
            rated([*threads[:place], n, *threads[place + 1 :]])
            for place, (_, seconds) in enumerate(kinds)
            for n in seconds
            if n != threads[place]
        ]
        if not changed or min(changed) >= now:
            return now
        now = min(changed)


def _choose(campaign: "Campaign", cores: int, at_once: int, here: bool) -> list[str]:
    """Choose the threads of all runs that have none yet; returns notes."""
    seconds, notes, chosen = campaign.estimates(), [], {}
    cores = min(cores, usable_cores()) if here else cores
    single_s = _wall_s(campaign, seconds, cores)
    if _may_gain(campaign, seconds, cores):
        usable, idle = cores, idle_cores()
        cores = min(cores, idle) if here else cores
        if not here and idle == 1:
            notes.append("this machine has no second idle core: more than one thread is neither measured nor planned")
        if cores < usable:
            notes.append(f"other work keeps {usable - cores} of {usable} cores busy: runs get threads for {cores}")
        single_s = _wall_s(campaign, seconds, cores)
        if _may_gain(campaign, seconds, cores):
            chosen = _measured_and_chosen(campaign, seconds, cores, min(idle, at_once, cores), at_once)
    threads = campaign.choice.threads | chosen
    if max(threads.values(), default=1) > 1:
        before = {run_id: seconds[run_id] for run_id, number in chosen.items() if number > 1}
        campaign.choose(Choice(threads, cores, before, single_s if chosen else None))
        notes.append(_in_words(campaign))
    return notes


def _wall_s(campaign: "Campaign", seconds: Mapping[str, float], cores: int) -> float:
    threads = [config.threads for config in campaign.pending]
    return makespan([seconds[config.run_id] for config in campaign.pending], campaign.workers, threads, cores)


def _is_open(campaign: "Campaign", config: TrainConfig) -> bool:
    """Whether the threads of a run are still to be chosen."""
    return config.cpu_threads == "auto" and config.run_id not in campaign.choice.threads


def _soonest_s(campaign: "Campaign", seconds: Mapping[str, float], cores: int) -> float:
    """Seconds before which the campaign cannot end, however well its runs use threads."""
    most = min(cores, FURTHER * MEASURED[-1])
    runs = [(config, seconds[config.run_id]) for config in campaign.pending]
    longest = max((second / (most if _is_open(campaign, config) else 1) for config, second in runs), default=0.0)
    return max(longest, sum(config.threads * second for config, second in runs) / cores)


def _may_gain(campaign: "Campaign", seconds: Mapping[str, float], cores: int) -> bool:
    """Whether more threads for some runs may be worth measuring."""
    if not any(_is_open(campaign, config) for config in campaign.pending):
        return False
    return _gains(_wall_s(campaign, seconds, cores), _soonest_s(campaign, seconds, cores))


def _gains(before_s: float, after_s: float) -> bool:
    return before_s - after_s >= max(LEAST_S, LEAST_SHARE * before_s)


def _measured_and_chosen(
    campaign: "Campaign", seconds: Mapping[str, float], cores: int, most: int, at_once: int
) -> dict[str, int]:
    """The chosen threads by run_id; empty if the campaign gains too little. `most`: threads that can be measured."""
    limit_s = _soonest_s(campaign, seconds, cores)
    slow = [config for config in campaign.pending if _is_open(campaign, config) and seconds[config.run_id] > limit_s]
    own_kinds = {config.run_id: kind_of(config) for config in slow}
    _measure(campaign, slow, most, cores, at_once)
    groups: dict[tuple, list[TrainConfig]] = {}
    for config in campaign.pending:
        own = own_kinds.get(config.run_id)
        groups.setdefault((own, seconds[config.run_id], config.threads), []).append(config)
    kinds: list[Kind] = []
    for (own, second, number), configs in groups.items():
        wider = [] if own is None else _numbers(cores)
        times = {n: campaign.seconds(with_threads(configs[0], n)) for n in wider if _is_known(campaign, configs[0], n)}
        kinds.append((len(configs), {number: second} | times))
    wall_s, threads = best(kinds, campaign.workers, cores)
    if not _gains(_wall_s(campaign, seconds, cores), wall_s):
        return {}
    return {
        config.run_id: number
        for number, configs in zip(threads, groups.values(), strict=True)
        for config in configs
        if _is_open(campaign, config)
    }


def _numbers(cores: int) -> list[int]:
    """The numbers of threads above one that a run may have."""
    return [2**power for power in range(1, cores.bit_length()) if 2**power <= cores]


def _is_known(campaign: "Campaign", config: TrainConfig, threads: int) -> bool:
    return kind_of(with_threads(config, threads)) in campaign.costs.kinds


def _measure(campaign: "Campaign", configs: Sequence[TrainConfig], most: int, cores: int, at_once: int) -> None:
    """Add the costs of these kinds of run with more threads: up to `most` measured, then by Amdahl's law to `cores`."""
    longest = {kind_of(config): config for config in sorted(configs, key=campaign.seconds)}
    for number in (n for n in MEASURED if n <= most):
        wide = [with_threads(config, number) for config in longest.values()]
        found = costs.measure(wide, campaign.open_pilot, at_once)
        campaign.costs.kinds |= {kind: cost for kind, cost in found.kinds.items() if kind not in found.rough}
        campaign.costs.note(*found.notes)
    for kind, config in longest.items():
        known = [n for n in MEASURED if n <= most and _is_known(campaign, config, n)]
        if known:
            share = serial_share({n: campaign.seconds(with_threads(config, n)) for n in (1, *known)})
            for number in (n for n in _numbers(cores) if known[-1] < n <= FURTHER * known[-1]):
                modelled = _scaled(campaign.costs.kinds[kind], share + (1 - share) / number)
                campaign.costs.kinds[kind_of(with_threads(config, number))] = modelled


def serial_share(seconds: Mapping[int, float]) -> float:
    """The share s of Amdahl's law, from 0 to 1, that fits these seconds by number of threads best (least squares)."""
    points = [(1 - 1 / n, second / seconds[1] - 1 / n) for n, second in seconds.items() if n > 1]
    share = sum(x * y for x, y in points) / sum(x * x for x, _ in points)
    return min(1.0, max(0.0, share))


def _scaled(cost: Cost, factor: float) -> Cost:
    parts = {name: factor * getattr(cost, name) for name in SCALED}
    evaluations_s = {name: factor * second for name, second in cost.evaluations_s.items()}
    return dataclasses.replace(cost, **parts, evaluations_s=evaluations_s)


def _in_words(campaign: "Campaign") -> str:
    """How many runs have how many threads, and what that gives."""
    counts = sorted(Counter(config.threads for config in campaign.pending).items(), reverse=True)
    listed = ", ".join(f"{count} run(s) with {number} thread(s)" for number, count in counts)
    if campaign.choice.single_wall_s is None:
        return f"{listed}: runs that were begun keep their number of threads"
    after, before = campaign.wall_s(campaign.estimates()), campaign.choice.single_wall_s
    return (
        f"{listed}: about {duration(after)} instead of {duration(before)} with one thread each; the last bits of a "
        "result are those of its number of threads, and a number for cpu_threads fixes it"
    )
