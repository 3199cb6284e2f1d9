"""From excerpts of the runs of one dataset to the three tables of every campaign."""

import itertools
import json
import math
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from campaign.analysis.excerpts import MEASURED, POINT, RUN, SWEEP, Excerpt, Shape
from campaign.analysis.statistics import standard_error
from nnet.evaluations.parts import points

PER_RUN = (
    "run_id dataset architecture regime seed alpha_train noise_model activation p epochs acc_0 acc_01 drop_at_01 "
    "test_loss train_loss status train_seconds sweep_seconds"
).split()
NUMBERS = (*points.DERIVED, "train_loss", "train_seconds")
TRAINING = "dataset architecture regime alpha_train noise_model activation p".split()
MEANS = "n_seeds n_diverged mean_acc std_acc stderr_acc mean_drop std_drop stderr_drop mean_loss stderr_loss".split()
SUMMARY = [*TRAINING, *POINT, *MEANS]
CONFIG_NAMES = {"architecture": "arch"}
KEYS = {CONFIG_NAMES.get(name, name) for name in TRAINING} | {"seed"}


def in_order(excerpts: Iterable[Excerpt]) -> list[Excerpt]:
    """Runs in the order of the tables, which does not depend on when they finished."""
    keys = ("dataset", "architecture", "activation", "p", "regime", "alpha_train", "seed", "run_id")
    return sorted(excerpts, key=lambda excerpt: tuple(map(excerpt.entries.get, keys)))


def further_settings(trainings: list[dict]) -> list[dict]:
    """For each of these trainings, the settings in which they differ, beyond the seed and the keys of the summary.

    Lists are JSON. `options` is JSON, too, of those options by owner that differ among the runs of the owner. The hash
    of a file is left out where the file's name already tells runs apart.
    """
    varied = _varied_options([training["options"] for training in trainings])
    rows = []
    for training in trainings:
        options = {
            owner: {name: values[name] for name in varied[owner] if name in values}
            for owner, values in training["options"].items()
        }
        named = {owner: values for owner, values in sorted(options.items()) if values}
        settings = {name: _cell(value) for name, value in training.items() if name not in KEYS}
        rows.append(settings | {"options": json.dumps(named, sort_keys=True)})
    names = dict.fromkeys(name for row in rows for name in row)
    differ = [name for name in names if len(_values(rows, name)) > 1 and not _is_known_by_name(rows, name)]
    return [{name: row.get(name) for name in differ} for row in rows]


def per_run(excerpts: list[Excerpt], further: Mapping[Shape, dict]) -> pd.DataFrame:
    """results_per_run.csv: a row per network, with what its last request measured.

    `further`: the further settings of each shape.
    """
    rows = [excerpt.entries | further[excerpt.shape] for excerpt in excerpts]
    if len({shape.asked for shape in further}) > 1:
        rows = [row | {"asked": excerpt.shape.asked} for row, excerpt in zip(rows, excerpts, strict=True)]
    added = dict.fromkeys(name for row in rows for name in row if name not in PER_RUN)
    return pd.DataFrame(rows, columns=[*PER_RUN, *added]).astype(dict.fromkeys(NUMBERS, float))


def sweep(excerpts: list[Excerpt]) -> pd.DataFrame:
    """sweep.csv: a row per network and point, means over draws; what evaluations add stands at the end."""
    measured = [excerpt for excerpt in excerpts if excerpt.shape.points]
    shapes = list(dict.fromkeys(excerpt.shape for excerpt in measured))
    counts = [len(excerpt.shape.points) for excerpt in measured]
    runs = pd.DataFrame([[*map(excerpt.entries.get, RUN)] for excerpt in measured], columns=RUN)
    points = pd.DataFrame([row for shape in shapes for row in shape.points], columns=[*POINT, "noise_samples"])
    ends = itertools.accumulate(len(shape.points) for shape in shapes)
    firsts = {shape: end - len(shape.points) for shape, end in zip(shapes, ends, strict=True)}
    of_points = [firsts[run.shape] + place for run in measured for place in range(len(run.shape.points))]
    parts = [
        runs.take(np.repeat(np.arange(len(measured)), counts)).reset_index(drop=True),
        points.take(of_points).reset_index(drop=True).astype({"alpha_test": float}),
        _numbers(measured, shapes, counts),
    ]
    return pd.concat(parts, axis=1)[[*SWEEP, *(name for name in parts[-1] if name not in SWEEP)]]


def _numbers(measured: list[Excerpt], shapes: list[Shape], counts: list[int]) -> pd.DataFrame:
    """The columns of numbers of sweep.csv."""
    starts = np.cumsum([0, *counts])
    names = dict.fromkeys(name for name in [*MEASURED, *(name for shape in shapes for name in shape.numbers)])
    columns = {name: np.full(starts[-1], np.nan) for name in names if name != "noise_samples"}
    places: dict[Shape, list[int]] = {shape: [] for shape in shapes}
    for place, excerpt in enumerate(measured):
        places[excerpt.shape].append(place)
    for shape, its in places.items():
        values = np.frombuffer(b"".join(measured[place].numbers for place in its)).reshape(-1, len(shape.numbers))
        at = (starts[its][:, None] + np.arange(len(shape.points))).ravel()
        for column, name in enumerate(shape.numbers):
            columns[name][at] = values[:, column]
    return pd.DataFrame(columns)


def summary(excerpts: list[Excerpt], further: Mapping[Shape, dict], sweep: pd.DataFrame) -> pd.DataFrame:
    """results_summary.csv: a row per cell, over seeds; a diverged run counts in every cell that others fill."""
    names = list(next(iter(further.values()), ()))
    settings = [*TRAINING, *names]
    keys = ("run_id", *TRAINING, "status")
    runs = pd.DataFrame(
        [[*map(one.entries.get, keys), *further[one.shape].values()] for one in excerpts], columns=[*keys, *names]
    )
    diverged = runs[runs["status"] == "diverged"].assign(diverged=1)
    measured = runs[runs["status"] != "diverged"].merge(sweep[["run_id", *POINT, "acc", "drop", "loss"]], on="run_id")
    counted = diverged.merge(measured[[*settings, *POINT]].drop_duplicates(), on=settings)
    alone = diverged[~diverged["run_id"].isin(counted["run_id"])].merge(_asked_points(excerpts), on="run_id")
    cells = pd.concat([measured.assign(diverged=0), counted, alone])
    cells = cells.astype({"diverged": int} | dict.fromkeys(("alpha_test", "acc", "drop", "loss"), float))
    grouped = cells.groupby([*TRAINING, *POINT, *names], sort=True, dropna=False)
    means = pd.DataFrame({"n_seeds": grouped["acc"].count(), "n_diverged": grouped["diverged"].sum()})
    for name in ("acc", "drop", "loss"):
        means[f"mean_{name}"] = grouped[name].mean()
        means[f"std_{name}"] = grouped[name].std()
        means[f"stderr_{name}"] = standard_error(means[f"std_{name}"], grouped[name].count())
    infinite = grouped["loss"].count() < means["n_seeds"]  # a mean of the finite losses alone would look small
    means.loc[infinite, ["mean_loss", "std_loss", "stderr_loss"]] = math.nan
    return means.reset_index()[[*SUMMARY, *names]]


def _asked_points(excerpts: list[Excerpt]) -> pd.DataFrame:
    """The points of weight noise at which diverged runs would have been measured, by run_id."""
    asked = [(excerpt.entries["run_id"], row) for excerpt in excerpts for row in excerpt.shape.asked_points]
    return pd.DataFrame([{"run_id": run_id, **row} for run_id, row in asked], columns=["run_id", *POINT])


def _varied_options(options: list[dict]) -> dict[str, list[str]]:
    """The options that differ among the runs of their owner, by owner."""
    owners = sorted({owner for by_owner in options for owner in by_owner})
    rows = {owner: [by_owner[owner] for by_owner in options if owner in by_owner] for owner in owners}
    return {
        owner: [name for name in dict.fromkeys(name for row in its for name in row) if len(_values(its, name)) > 1]
        for owner, its in rows.items()
    }


def _values(rows: list[dict], name: str) -> set[str]:
    return {json.dumps(row.get(name), sort_keys=True) for row in rows}


def _is_known_by_name(rows: list[dict], name: str) -> bool:
    """Whether `name` is the hash of a file and every file name stands for one content."""
    file = name.removesuffix("_sha256")
    return file != name and len({(row.get(file), row.get(name)) for row in rows}) == len(_values(rows, file))


def _cell(value: object) -> object:
    return json.dumps(value, sort_keys=True) if isinstance(value, list | dict) else value
