"""From the run files of one dataset to the three tables of every campaign."""

import functools
import json
import math
from collections.abc import Iterable
from contextlib import suppress

import pandas as pd

from campaign.analysis.statistics import standard_error
from nnet.checks import ConfigError
from nnet.config import DEFAULTS, TrainConfig
from nnet.evaluations.parts import points
from nnet.identity import in_group
from nnet.options import completed, training_owners

FILE_ONLY = ("form", "diverged_epoch")
"""Entries of a run file that results_per_run.csv leaves out, beside lists and dicts."""
RUN = "run_id dataset architecture regime seed alpha_train activation p".split()
DERIVED = "acc_0 acc_01 drop_at_01 test_loss sweep_seconds".split()
PER_RUN = (
    "run_id dataset architecture regime seed alpha_train noise_model activation p epochs acc_0 acc_01 drop_at_01 "
    "test_loss train_loss status train_seconds sweep_seconds"
).split()
NUMBERS = (*DERIVED, "train_loss", "train_seconds")
POINT = "evaluation settings part alpha_test".split()
MEASURED = "noise_samples acc acc_std acc_min loss drop".split()
SWEEP = [*RUN, *POINT, *MEASURED]
TRAINING = "dataset architecture regime alpha_train noise_model activation p".split()
MEANS = "n_seeds n_diverged mean_acc std_acc stderr_acc mean_drop std_drop stderr_drop mean_loss stderr_loss".split()
SUMMARY = [*TRAINING, *POINT, *MEANS]
CONFIG_NAMES = {"architecture": "arch"}
KEYS = {CONFIG_NAMES.get(name, name) for name in TRAINING} | {"seed"}


def in_order(results: Iterable[dict]) -> list[dict]:
    """Run files in the order of the tables, which does not depend on when runs finished."""
    keys = ("dataset", "architecture", "activation", "p", "regime", "alpha_train", "seed", "run_id")
    return sorted(results, key=lambda result: tuple(result[key] for key in keys))


def training_of(result: dict) -> dict:
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


def further_settings(results: list[dict]) -> list[dict]:
    """For each run, the settings in which these runs differ, beyond the seed and the keys of the summary.

    Lists are JSON. `options` is JSON, too, of those options by owner that differ among the runs of the owner. The hash
    of a file is left out where the file's name already tells runs apart.
    """
    trainings = [training_of(result) for result in results]
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


def columns_of(result: dict) -> dict:
    """The columns of a run in results_per_run.csv, without further settings."""
    stored = {name: value for name, value in result.items() if not isinstance(value, list | dict)}
    return {name: value for name, value in stored.items() if name not in FILE_ONLY} | points.derived(result)


def per_run(results: list[dict], further: list[dict]) -> pd.DataFrame:
    """results_per_run.csv: a row per network, with what its last request measured."""
    rows = [columns_of(result) | settings for result, settings in zip(results, further, strict=True)]
    asked = [_asked_settings(json.dumps(result["asked"])) for result in results]
    if len(set(asked)) > 1:
        rows = [row | {"asked": text} for row, text in zip(rows, asked, strict=True)]
    added = dict.fromkeys(name for row in rows for name in row if name not in PER_RUN)
    return pd.DataFrame(rows, columns=[*PER_RUN, *added]).astype(dict.fromkeys(NUMBERS, float))


def sweep(results: list[dict]) -> pd.DataFrame:
    """sweep.csv: a row per network and point, means over draws; what evaluations add stands at the end."""
    rows = [{name: result[name] for name in RUN} | row for result in results for row in points.table_rows(result)]
    added = dict.fromkeys(name for row in rows for name in row if name not in SWEEP)
    numbers = dict.fromkeys(("alpha_test", "acc", "acc_std", "acc_min", "loss", "drop"), float)
    return pd.DataFrame(rows, columns=[*SWEEP, *added]).astype(numbers)


def summary(results: list[dict], further: list[dict], sweep: pd.DataFrame) -> pd.DataFrame:
    """results_summary.csv: a row per cell, over seeds; a diverged run counts in every cell that others fill."""
    names = list(further[0]) if further else []
    settings = [*TRAINING, *names]
    runs = pd.DataFrame(
        [
            {name: result[name] for name in ("run_id", *TRAINING, "status")} | values
            for result, values in zip(results, further, strict=True)
        ],
        columns=["run_id", *settings, "status"],
    )
    diverged = runs[runs["status"] == "diverged"].assign(diverged=1)
    measured = runs[runs["status"] != "diverged"].merge(sweep[["run_id", *POINT, "acc", "drop", "loss"]], on="run_id")
    counted = diverged.merge(measured[[*settings, *POINT]].drop_duplicates(), on=settings)
    alone = diverged[~diverged["run_id"].isin(counted["run_id"])].merge(_asked_points(results), on="run_id")
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


@functools.cache
def _asked_settings(asked: str) -> str:
    """The settings of weight noise in a request, JSON, that differ from their defaults, JSON."""
    return _weight_noise_rows(json.loads(asked))[0]["settings"]


def _asked_points(results: list[dict]) -> pd.DataFrame:
    """The points of weight noise at which diverged runs would have been measured, by run_id."""
    diverged = [result for result in results if result["status"] == "diverged"]
    rows = [{"run_id": result["run_id"], **row} for result in diverged for row in _weight_noise_rows(result["asked"])]
    return pd.DataFrame(rows, columns=["run_id", *POINT])


def _weight_noise_rows(asked: dict) -> list[dict]:
    """The rows that the measurement of weight noise of a request makes in sweep.csv, without its values."""
    want, *_ = points.asked_for(asked)
    empty = [{"strength": strength, "draw": 0, "acc": math.nan, "loss": None} for strength in want.strengths or ()]
    measurement = {"evaluation": want.evaluation, "version": want.version, "settings": want.settings, "points": empty}
    return points.table_rows({"measurements": [measurement | {"images_sha256": ""}]})


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
