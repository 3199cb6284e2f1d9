"""`--verify`: train a finished run again, measure all its points again, and compare every bit."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from campaign.commands import one_run
from campaign.engines import base, process
from campaign.engines.workers import tasks
from campaign.machine.console import say
from nnet import options as by_owner
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.evaluations.parts import rows
from nnet.evaluations.parts.points import place
from nnet.evaluations.parts.wanted import IMAGES, WEIGHT_NOISE, stated
from nnet.files.temporary import temporary_folder

FILES = {"dataset": ".npz", "initial_weights": ""}
"""Settings that name a file of the user, and what the name in a run file lacks."""
NOT_COMPARED = ("provenance", "asked", "measurements")
SMOOTHED = "smoothed_acc"
"""The entry of an epoch that only a run with `smoothed_accuracy` has."""
LISTED = 10


def verify(run_id: str, output_dir: str | Path, given: TrainConfig) -> int:
    """Do one run of the output folder again, without its kept weights, and print what differs. Nothing is written.

    All measurements in its run file are done again. `given`: a configuration with the folder of the data and, where the
    run was made from files of the user, with these files. Returns 0 if everything but the timings is the same, 1 if
    not, or if the run cannot be done. Raises ConfigError if there is no such run, or if it was made from other files.
    """
    stored = one_run.read(run_id, output_dir)
    trained = _trained(stored, given)
    compared = list(filter(_is_current, stored["measurements"]))
    with temporary_folder() as folder:
        fresh = dataclasses.replace(trained, checkpoint_dir=str(folder))
        again = _done([_measured(fresh, measurement) for measurement in compared] or [fresh])
    if isinstance(again, base.Failure):
        say(f"{run_id} failed: {again.error}: {again.message}\n{again.traceback}")
        return 1
    for name, value in stored["provenance"].items():
        if name != "command" and again["provenance"].get(name) != value:
            say(f"{name} was {value}, is {again['provenance'].get(name)}")
    for measurement in stored["measurements"]:
        if measurement not in compared:
            say(f"not compared: {measurement['evaluation']}, which another version of its file has measured")
    different = [*_differences(stored, again), *_differing_points(compared, again["measurements"])]
    for line in different[:LISTED]:
        say(f"different: {line}")
    if len(different) > LISTED:
        say(f"… and {len(different) - LISTED} more")
    points = sum(len(measurement["points"]) for measurement in compared)
    say(f"{run_id}: {'DIFFERENT' if different else f'the same, bit for bit: weights, history and {points} points'}")
    return 1 if different else 0


def _trained(stored: dict, given: TrainConfig) -> TrainConfig:
    """The configuration of a run, with the least to measure. Raises ConfigError if `given` has other files."""
    config = dict(stored["config"])
    for name, suffix in FILES.items():
        recorded = config.pop(f"{name}_sha256", None)
        if recorded is None:
            continue
        if recorded != getattr(given, f"{name}_sha256"):
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{stored['run_id']} was made from {config[name]}{suffix}; give that file as {flag}")
        config[name] = getattr(given, name)
    complete = TrainConfig(
        **config,
        alpha_tests=(0.0,),
        noise_samples=1,
        smoothed_accuracy=any(SMOOTHED in epoch for epoch in stored["history"]),
        cpu_threads=stored["provenance"]["threads"],
        use_cuda=stored["provenance"]["device"] != "cpu",
        data_dir=given.data_dir,
    )
    # a run file has all options, also those that have no effect and are refused where somebody sets them
    options = by_owner.changed(complete.options, complete.training_owners())
    return dataclasses.replace(complete, options={owner: its for owner, its in options.items() if its})


def _is_current(measurement: dict) -> bool:
    """Whether the evaluation's file is still the version that has measured."""
    name = measurement["evaluation"]
    return name in registry.names("evaluations") and stated(name, "VERSION", 1) == measurement["version"]


def _measured(config: TrainConfig, measurement: dict) -> TrainConfig:
    """The configuration with what a measurement has: its settings, all its strengths, as many draws."""
    name, settings = measurement["evaluation"], dict(measurement["settings"])
    fields = {field: settings.pop(field) for field in IMAGES}
    points = {
        stated(name, "STRENGTHS"): sorted({point["strength"] for point in measurement["points"]}),
        stated(name, "DRAWS"): 1 + max(point["draw"] for point in measurement["points"]),
    }
    for listed, value in points.items():
        if listed in registry.option_names("evaluations", name):
            settings[listed] = value
        elif listed is not None:
            fields[listed] = value
    fields["evaluations"] = () if name == WEIGHT_NOISE else (name,)
    return dataclasses.replace(config, **fields, options=config.options | {name: settings})


def _done(configs: list[TrainConfig]) -> dict | base.Failure:
    """The run file of one network that is trained once and measured as each of these configurations says."""
    known = None
    with process.Engine(tasks.train) as engine:
        waiting = configs[::-1]
        while waiting:
            try:
                engine.start(waiting[-1], known)
            except ChildProcessError as error:
                return base.Failure.of(error)
            while not (ended := engine.ended(base.TICK_S)):
                pass
            outcome = ended[0][1]
            if isinstance(outcome, base.Failure) and not isinstance(outcome, base.Lost):
                return outcome
            if isinstance(outcome, dict):
                known = outcome
                waiting.pop()
    assert known is not None
    return known


def _differences(stored: object, again: object, where: str = "") -> Iterator[str]:
    """Where two run files differ, measurements and timings aside; newer code may write more."""
    if isinstance(stored, dict) and isinstance(again, dict):
        for name, value in stored.items():
            if not name.endswith("_seconds") and (where or name not in NOT_COMPARED):
                yield from _differences(value, again.get(name), f"{where} {name}".strip())
    elif isinstance(stored, list) and isinstance(again, list) and len(stored) == len(again):
        for number, (value, other) in enumerate(zip(stored, again, strict=True), start=1):
            yield from _differences(value, other, f"{where} {number}")
    elif stored != again:
        yield f"{where} was {stored}, is {again}"


def _differing_points(measurements: list[dict], again: list[dict]) -> Iterator[str]:
    for stored in measurements:
        name, settings = stored["evaluation"], rows.full_settings(stored)
        (other,) = (m for m in again if m["evaluation"] == name and rows.full_settings(m) == settings)
        points = {place(point): point for point in other["points"]}
        for point in stored["points"]:
            strength, draw, part = place(point)
            where = f"{name}{part and f' of {part}'} at strength {strength:g}, draw {draw},"
            yield from _differences(point, points.get(place(point), {}), where)
        if len(points) == len(stored["points"]):
            yield from _differences(stored["columns"], other["columns"], name)
