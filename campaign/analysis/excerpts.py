"""What tables need of a run file: its columns, and the rows that its measurements make."""

import functools
import json
import math
from array import array
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from campaign.analysis import makers
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import DEFAULTS, TrainConfig
from nnet.evaluations.parts import points
from nnet.identity import in_group
from nnet.options import completed, defaults_of, training_owners

FILE_ONLY = ("form", "diverged_epoch")
"""Entries of a run file that results_per_run.csv leaves out, beside lists and dicts."""
RUN = "run_id dataset architecture regime seed alpha_train activation p".split()
POINT = "evaluation settings part alpha_test".split()
NUMBERS = "acc acc_std acc_min loss drop".split()
MEASURED = ["noise_samples", *NUMBERS]
SWEEP = [*RUN, *POINT, *MEASURED]
"""The columns of sweep.csv; evaluations may add further numbers."""


@dataclass(frozen=True, eq=False)
class Shape:
    """What runs have in common that differ in their seed and their values alone."""

    names: list[str]
    """Of the entries of a run in results_per_run.csv."""
    training: dict[str, Any]
    """The training settings but the seed, as `training_of` gives them."""
    asked: str
    """The settings of weight noise that were last asked for, JSON, where they differ from their defaults."""
    asked_points: list[dict]
    """The rows of weight noise in sweep.csv that were last asked for, as far as they are no numbers."""
    points: list[dict]
    """The rows of a run in sweep.csv, as far as they are the same in all these runs."""
    numbers: list[str]
    """The columns of numbers of these rows."""
    makers: list[tuple]
    """Of the training and of the measurements, as `makers.all_of` gives them."""


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """What tables need of one run."""

    shape: Shape
    cells: tuple
    """The entries in results_per_run.csv, in the order of `shape.names`."""
    numbers: bytes
    """Of its rows in sweep.csv, one row after the other: doubles, NaN for what is not there."""
    history: list[dict]
    """The epochs after which the network was measured."""

    @property
    def entries(self) -> dict[str, Any]:
        """The columns of the run in results_per_run.csv, without further settings."""
        return dict(zip(self.shape.names, self.cells, strict=True))


def of(runs: Iterable[Mapping]) -> list[Excerpt]:
    """The excerpts of these run files' contents."""
    shapes: dict[str, Shape] = {}
    found = []
    for run in runs:
        shape, cells, numbers, history = parts(run)
        found.append(Excerpt(shapes.setdefault(shape, shape_from(shape)), cells, numbers, history))
    return found


def parts(run: Mapping) -> tuple[str, tuple, bytes, list[dict]]:
    """What an excerpt is made of: its shape as JSON, and its own values."""
    entries, table = columns_of(run), points.table_rows(run)
    numbers = list(dict.fromkeys([*NUMBERS, *(name for row in table for name in row if name not in SWEEP)]))
    shape = {
        "names": list(entries),
        "training": {name: value for name, value in training_of(run).items() if name != "seed"},
        "asked": asked_settings(json.dumps(run["asked"])),
        "asked_points": asked_points(json.dumps(run["asked"])) if run["status"] == "diverged" else [],
        "points": [{name: row[name] for name in (*POINT, "noise_samples")} for row in table],
        "numbers": numbers,
        "makers": makers.all_of(run),
    }
    cells = [row.get(name) for row in table for name in numbers]
    values = array("d", [math.nan if cell is None else cell for cell in cells])
    history = [row for row in run["history"] if "val_acc" in row or "test_acc" in row]
    return json.dumps(shape), tuple(entries.values()), values.tobytes(), history


def shape_from(text: str) -> Shape:
    """A shape from its JSON."""
    shape = json.loads(text)
    return Shape(**shape | {"makers": [tuple(maker) for maker in shape["makers"]]})


def training_of(result: Mapping) -> dict:
    """The training settings of a run by name, `options` by owner.

    A setting or option that is younger than the run file has its default.
    """
    usual = {name: DEFAULTS[name] for name in in_group(TrainConfig, "training") if name in DEFAULTS}
    config = usual | {"noise_model": None} | result["config"]
    dataset = None if "dataset_sha256" in config else result["dataset"]
    owners = training_owners(dataset, result["regime"], result["architecture"], config["corruption"])
    with suppress(ConfigError):  # the file of a plug-in is gone
        config["options"] = completed(config["options"], owners)
    return config


def columns_of(result: Mapping) -> dict:
    """The columns of a run in results_per_run.csv, without further settings."""
    stored = {name: value for name, value in result.items() if not isinstance(value, list | dict)}
    idle = _idle(result["regime"], result["config"].get("options", {}))
    stored |= {name: None for name in idle if name in stored}
    return {name: value for name, value in stored.items() if name not in FILE_ONLY} | points.derived(result)


def _idle(regime: str, options: Mapping[str, Mapping]) -> list[str]:
    """What an option of a run's regime deprives of its effect, as the regime's file says in `IDLE`."""
    own = options.get(regime, {})
    if not own or regime not in registry.names("regimes"):
        return []
    complete, idle = {**defaults_of("regimes", regime), **own}, registry.constant("regimes", regime, "IDLE", {})
    return [name for option, (value, names) in idle.items() if complete[option] == value for name in names]


@functools.cache
def asked_settings(asked: str) -> str:
    """The settings of weight noise in a request, JSON, that differ from their defaults, JSON."""
    return _weight_noise_rows(json.loads(asked))[0]["settings"]


@functools.cache
def asked_points(asked: str) -> list[dict]:
    """The columns `POINT` of the rows of weight noise in sweep.csv for which a request, JSON, asks."""
    return [{name: row[name] for name in POINT} for row in _weight_noise_rows(json.loads(asked))]


def _weight_noise_rows(asked: dict) -> list[dict]:
    """The rows that the measurement of weight noise of a request makes in sweep.csv, without its values."""
    want, *_ = points.asked_for(asked)
    empty = [{"strength": strength, "draw": 0, "acc": math.nan, "loss": None} for strength in want.strengths or ()]
    measurement = {"evaluation": want.evaluation, "version": want.version, "settings": want.settings, "points": empty}
    return points.table_rows({"measurements": [measurement | {"images_sha256": ""}]})
