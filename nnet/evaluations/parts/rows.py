"""The rows that the points of one measurement make in sweep.csv."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from statistics import fmean, stdev

from nnet.checks import ConfigError
from nnet.evaluations.parts import wanted

OF_A_POINT = ("strength", "draw", "part", "acc", "loss")


def rows(measurement: Mapping, unperturbed: Mapping | None) -> list[dict]:
    """One row per strength and part of a measurement, in ascending order of strengths.

    `unperturbed`: the point of the unperturbed network on the same images; without it a drop is None. The columns are
    those of `points.table_rows`.
    """
    name, changed, reports = measurement["evaluation"], json.dumps(_changed(measurement), sort_keys=True), None
    with suppress(ConfigError):  # its file is gone
        reports = wanted.stated(name, "REPORTS")
    draws: dict[tuple[float, str], list[dict]] = {}
    for point in measurement["points"]:
        draws.setdefault((point["strength"], point.get("part", "")), []).append(point)
    return [
        {"evaluation": name, "settings": changed, "part": part, "alpha_test": strength}
        | _values(points, reports, unperturbed)
        for (strength, part), points in draws.items()
    ]


def full_settings(measurement: Mapping) -> dict:
    """The settings of a measurement; options that the evaluation has had only since then are at their defaults."""
    return wanted.defaults(measurement["evaluation"]) | measurement["settings"]


def _changed(measurement: Mapping) -> dict:
    defaults = wanted.defaults(measurement["evaluation"])
    return {
        name: value
        for name, value in measurement["settings"].items()
        if name not in defaults or defaults[name] != value
    }


def _values(points: list[dict], reports: str | None, unperturbed: Mapping | None) -> dict:
    """The values of one strength and part, from the points of all draws."""
    accuracies = [point["acc"] for point in points]
    shown = points if reports is None else [max(points, key=lambda point: _or_infinite(point.get(reports)))]
    accuracy = fmean(point["acc"] for point in shown)
    further = {name: None for point in shown for name in point if name not in OF_A_POINT}
    return {
        "noise_samples": len(points),
        "acc": accuracy,
        "acc_std": stdev(accuracies) if len(shown) > 1 else None,
        "acc_min": min(accuracies),
        "loss": _mean(shown, "loss"),
        "drop": None if unperturbed is None else unperturbed["acc"] - accuracy,
        **{name: _mean(shown, name) for name in further},
    }


def _or_infinite(value: float | None) -> float:
    """A value that is not finite is stored as None; it counts as the largest."""
    return math.inf if value is None else value


def _mean(points: list[dict], name: str) -> float | None:
    """The mean of a column; None unless all points have a number there."""
    values = [point.get(name) for point in points]
    return fmean(values) if all(isinstance(value, int | float) for value in values) else None  # type: ignore[arg-type]
