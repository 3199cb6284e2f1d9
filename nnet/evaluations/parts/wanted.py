"""Which points a configuration asks for: a point is one draw of an evaluation at one strength.

What an evaluation's file states as literals at its top level decides which points it has. The file is read as text,
without importing it, so that the launcher needs no torch:

    STRENGTHS    name of the option, or of the field of TrainConfig, that lists its strengths; without it, the settings
                 determine the strengths, and a point is one draw
    DRAWS        name of the option or field with the number of draws (default: 1 draw)
    VERSION      raised when a change alters the values on purpose (default: 1)
    REPORTS      tables show the draw in which this column is largest (default: the mean over the draws)
    FROM_CONFIG  options whose default is the configuration's field of the same name (default: none)

The defaults of its options must be literals too.
"""

import functools
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnet import registry
from nnet.checks import ConfigError, canonical, whole_number
from nnet.config import TrainConfig

WEIGHT_NOISE = "weight_noise"
"""The evaluation that every run has; its point at strength 0 is the unperturbed network."""
IMAGES = {"max_test_samples": None, "corrupt_test": False, "sweep_precision": "fp32"}
"""Settings that every measurement has, with their defaults: which test images, and in which arithmetic."""

Point = tuple[Any, int]
"""(strength, draw); the strength is a float, or None where the settings determine the strengths."""


@dataclass(frozen=True)
class Wanted:
    """The points of one evaluation that a configuration asks for."""

    evaluation: str
    version: int
    settings: dict
    """All options but strengths and draws, defaults included, and those of `IMAGES`; JSON-able."""
    strengths: tuple[float, ...] | None
    """In ascending order; None where the settings determine them."""
    draws: int

    def points(self) -> list[Point]:
        """All points, ordered by draw, then strength; strength 0 has draw 0 only."""
        strengths = (None,) if self.strengths is None else self.strengths
        return [(strength, draw) for draw in range(self.draws) for strength in strengths if draw == 0 or strength != 0]

    def options(self) -> dict:
        """The evaluation's options by name, strengths and draws included."""
        listed = {stated(self.evaluation, "STRENGTHS"): self.strengths, stated(self.evaluation, "DRAWS"): self.draws}
        names = registry.option_names("evaluations", self.evaluation)
        return {name: canonical(value) for name, value in (self.settings | listed).items() if name in names}


def wanted(cfg: TrainConfig) -> list[Wanted]:
    """What a configuration asks for: weight noise, then its evaluations. Raises ConfigError for a wrong value."""
    return list(_asked_for(cfg.asked, registry.users_folder()))


def asked_for(asked: Mapping) -> list[Wanted]:
    """The same from the measuring fields by name, as a run file holds them in `asked`."""
    return list(_asked_for(json.dumps([asked], sort_keys=True), registry.users_folder()))


@functools.lru_cache(maxsize=1024)
def _asked_for(text: str, users: Path | None) -> list[Wanted]:
    """The same, read once for all runs that ask for it.

    `text`: a JSON list whose first item is the measuring fields; `users`: the folder of the user's plug-ins.
    """
    asked, *_ = json.loads(text)
    names = dict.fromkeys([WEIGHT_NOISE, *asked["evaluations"]])
    return [_wanted(name, asked, asked["options"].get(name, {})) for name in names]


def stated(evaluation: str, variable: str, default: object = None) -> Any:
    """A literal at the top level of the evaluation's file. Raises ConfigError if there is no such evaluation."""
    return registry.constant("evaluations", evaluation, variable, default)


def defaults(evaluation: str) -> dict:
    """The defaults of the settings of its measurements; those of `IMAGES` alone where its file is gone."""
    try:
        return _defaults(evaluation, registry.users_folder())
    except ConfigError:
        return dict(IMAGES)


@functools.cache
def _defaults(evaluation: str, users: Path | None) -> dict:
    """`users`: the folder of the user's plug-ins, which may hold the evaluation."""
    options = registry.option_defaults("evaluations", evaluation)
    options |= {name: getattr(TrainConfig, name) for name in stated(evaluation, "FROM_CONFIG", ())}
    listed = (stated(evaluation, "STRENGTHS"), stated(evaluation, "DRAWS"))
    return IMAGES | {name: canonical(value) for name, value in options.items() if name not in listed}


def _wanted(name: str, fields: Mapping, options: Mapping) -> Wanted:
    from_config = {option: fields[option] for option in stated(name, "FROM_CONFIG", ())}
    settings = registry.option_defaults("evaluations", name) | from_config | dict(options)
    strengths, draws = stated(name, "STRENGTHS"), stated(name, "DRAWS")
    listed = settings.pop(strengths, fields.get(strengths))
    count = settings.pop(draws, fields.get(draws, 1))
    settings |= {option: fields[option] for option in IMAGES}
    return Wanted(
        evaluation=name,
        version=stated(name, "VERSION", 1),
        settings=canonical(settings),
        strengths=None if strengths is None else _ascending(f"{name}.{strengths}", listed),
        draws=whole_number(f"{name}.{draws}", count, 1),
    )


def _ascending(name: str, values: Any) -> tuple[float, ...]:
    """Strengths as distinct floats in ascending order. Raises ConfigError for anything else than a list of numbers."""
    try:
        strengths = sorted({float(value) + 0.0 for value in values})
        good = 0 < len(strengths) == len(values) and all(math.isfinite(strength) for strength in strengths)
    except (TypeError, ValueError):
        good = False
    if isinstance(values, str) or not good:
        raise ConfigError(f"{name} must be a list of distinct numbers, not empty; got {values!r}")
    return tuple(strengths)
