"""The points of a network's measurements: which are missing, how they are joined, and the rows that they make.

A point is one draw of an evaluation at one strength (see `parts.wanted`). Importing this file does not import torch.
"""

import json
import math
from collections.abc import Iterable, Mapping

from nnet.config import TrainConfig
from nnet.evaluations.parts import rows
from nnet.evaluations.parts.wanted import IMAGES, WEIGHT_NOISE, Point, Wanted, asked_for, wanted

__all__ = [
    "answers",
    "complete",
    "stored",
    "Point",
    "Wanted",
    "all_missing",
    "asked_for",
    "clean",
    "derived",
    "joined",
    "missing",
    "place",
    "table_rows",
    "wanted",
]


DERIVED = ("acc_0", "acc_01", "drop_at_01", "test_loss", "sweep_seconds")
"""What `derived` gives for every run."""


def missing(want: Wanted, measurements: Iterable[dict]) -> list[Point]:
    """The wanted points that no measurement has."""
    known = [point for measurement in measurements if answers(measurement, want) for point in measurement["points"]]
    if want.strengths is None:
        draws = {point["draw"] for point in known}
        return [point for point in want.points() if point[1] not in draws]
    places = {(point["strength"], point["draw"]) for point in known}
    return [point for point in want.points() if point not in places]


def all_missing(cfg: TrainConfig, measurements: Iterable[dict]) -> dict[str, int]:
    """The number of missing points of each evaluation that has any; empty for a run that is measured as asked."""
    measurements = list(measurements)
    counts = {want.evaluation: len(missing(want, measurements)) for want in wanted(cfg)}
    return {name: count for name, count in counts.items() if count}


def answers(measurement: dict, want: Wanted) -> bool:
    """Whether a measurement is of the evaluation, version and settings that are wanted."""
    same = (measurement["evaluation"], measurement["version"]) == (want.evaluation, want.version)
    return same and rows.full_settings(measurement) == want.settings


def joined(old: Iterable[dict], new: Iterable[dict]) -> list[dict]:
    """Measurements of one network joined: one of each key, with the points of both.

    A key is the evaluation, its version, its settings and the hash of the images. Measurements are sorted by it, weight
    noise first; points by strength and draw. Columns that only the evaluation can compute from all points are left out
    if neither measurement had all points. Raises ValueError if both have a point with different values.
    """
    by_key: dict[str, dict] = {}
    for measurement in [*old, *new]:
        key = _key(measurement)
        by_key[key] = _both(by_key[key], measurement) if key in by_key else _sorted(measurement)
    order = sorted(by_key, key=lambda key: (by_key[key]["evaluation"] != WEIGHT_NOISE, key))
    return [by_key[key] for key in order]


def place(point: Mapping) -> tuple[float, int, str]:
    """Which point of a measurement it is: strength, draw, and part of the network or ""."""
    return point["strength"], point["draw"], point.get("part", "")


def clean(measurements: Iterable[dict], settings: Mapping, images_sha256: str) -> dict | None:
    """The point of the unperturbed network on the same images in the same arithmetic, or None.

    `settings`: of any measurement, with max_test_samples, corrupt_test and sweep_precision.
    """
    for measurement in sorted(measurements, key=lambda measurement: -measurement["version"]):
        if measurement["evaluation"] == WEIGHT_NOISE and measurement["images_sha256"] == images_sha256:
            if all(measurement["settings"][name] == settings[name] for name in IMAGES):
                for point in measurement["points"]:
                    if point["strength"] == 0:
                        return point
    return None


def table_rows(run: Mapping) -> list[dict]:
    """The rows of one run in sweep.csv: one per measurement, strength and part.

    `evaluation`; `settings`, those that differ from their defaults, as JSON; `part`, the part of the network that is
    perturbed, or ""; `alpha_test`, the strength; `noise_samples`, the number of draws; `acc` and `loss`, means over the
    draws or the values of the draw that the evaluation reports (None for a loss that is not finite); `acc_std`, sample
    standard deviation over the draws (None for one draw, and where one draw is reported); `acc_min`, over all draws;
    `loss`; `drop`, the accuracy of the unperturbed network minus `acc`; further columns of numbers. Where a measurement
    was repeated with a newer version of its evaluation, the older one has no rows.
    """
    return [row for measurement in _newest(run["measurements"]) for row in _rows(measurement, run)]


def derived(run: Mapping) -> dict:
    """The columns of the per-run table that follow from the measurements with the settings last asked for.

    `acc_0`, `test_loss`: of the unperturbed network; `acc_01`, `drop_at_01`: at weight noise of strength 0.1;
    `sweep_seconds`: of all measurements; and the columns of evaluations. None where a point was not measured.
    """
    at: dict[float, dict] = {}
    columns: dict = {}
    for want in asked_for(run["asked"]):
        for measurement in run["measurements"]:
            if answers(measurement, want):
                columns |= measurement["columns"]
                if want.evaluation == WEIGHT_NOISE:
                    shown = [point for point in measurement["points"] if point["strength"] in (0.0, 0.1)]
                    at = {row["alpha_test"]: row for row in _rows(measurement | {"points": shown}, run)}
    unperturbed, tenth = at.get(0.0, {}), at.get(0.1, {})
    return {
        "acc_0": unperturbed.get("acc"),
        "acc_01": tenth.get("acc"),
        "drop_at_01": tenth.get("drop"),
        "test_loss": unperturbed.get("loss"),
        "sweep_seconds": math.fsum(measurement["seconds"] for measurement in run["measurements"]),
        **columns,
    }


def complete(run: Mapping) -> dict:
    """The content of a run file with the columns that follow from it, and the rows of sweep.csv as `sweep`."""
    return {**run, **derived(run), "sweep": table_rows(run)}


def stored(result: Mapping) -> dict:
    """The content of a run file, from what `complete` returned."""
    columns = (name for measurement in result["measurements"] for name in measurement["columns"])
    follows = {"sweep", *DERIVED, *columns}
    return {name: value for name, value in result.items() if name not in follows}


def _key(measurement: dict) -> str:
    parts = [measurement["evaluation"], measurement["version"], measurement["images_sha256"]]
    return json.dumps([*parts, rows.full_settings(measurement)], sort_keys=True)


def _both(old: dict, new: dict) -> dict:
    """Two measurements of one key as one; one of them, unchanged, if it has all points of the other."""
    points = {place(point): point for point in old["points"]}
    for point in new["points"]:
        if points.setdefault(place(point), point) != point:
            strength, draw, part = place(point)
            of_part = f" of {part}" if part else ""
            raise ValueError(
                f"{new['evaluation']} has two different values at strength {strength:g}, draw {draw}{of_part}"
            )
    for measurement in (old, new):
        if len(measurement["points"]) == len(points):
            return _sorted(measurement)
    both = {
        "points": list(points.values()),
        "columns": {},
        "seconds": old["seconds"] + new["seconds"],
        "provenance": old["provenance"] + [item for item in new["provenance"] if item not in old["provenance"]],
    }
    return _sorted(old | both)


def _sorted(measurement: dict) -> dict:
    return measurement | {"points": sorted(measurement["points"], key=lambda point: (point["strength"], point["draw"]))}


def _newest(measurements: Iterable[dict]) -> list[dict]:
    newest: dict[str, dict] = {}
    for measurement in measurements:
        key = _key(measurement | {"version": 0})
        if key not in newest or newest[key]["version"] < measurement["version"]:
            newest[key] = measurement
    return list(newest.values())


def _rows(measurement: dict, run: Mapping) -> list[dict]:
    unperturbed = clean(run["measurements"], rows.full_settings(measurement), measurement["images_sha256"])
    return rows.rows(measurement, unperturbed)
