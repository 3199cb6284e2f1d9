"""Choosing a setting by what validation images say, never by test images."""

import json
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

from campaign.grid.names import canonical, check_known
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.identity import in_group


def best_by_validation(
    runs: Iterable[TrainConfig], output_dir: str | Path = "results", setting: str = "learning_rate"
) -> list[TrainConfig]:
    """Those of the runs whose value of `setting` is the best for their other training settings.

    Runs that differ in `setting` and in the seed alone compete. The best value has the highest mean, over seeds, of
    the accuracy on the validation images after the last epoch, from 0 to 1; a diverged run counts as 0, and of equal
    means the first counts. The runs are finished in `output_dir`, and have a `validation_share`. Raises ConfigError if
    one is not or has none, if no two runs compete, and if the values of a competition have different seeds.
    """
    runs, setting = list(runs), canonical(setting)
    check_known([setting], in_group(TrainConfig, "training"), "best_by_validation: unknown setting of training")
    competitions: dict[str, dict[str, list[TrainConfig]]] = {}
    for run in runs:
        others = {name: value for name, value in run.training().items() if name not in (setting, "seed")}
        by_value = competitions.setdefault(json.dumps(others, sort_keys=True), {})
        by_value.setdefault(repr(getattr(run, setting)), []).append(run)
    if all(len(by_value) < 2 for by_value in competitions.values()):
        raise ConfigError(f"no two of these {len(runs)} runs differ in {setting} alone")
    best = [_best(list(by_value.values()), setting, Path(output_dir)) for by_value in competitions.values()]
    chosen = {run.run_id for winners in best for run in winners}
    return [run for run in runs if run.run_id in chosen]


def _best(groups: list[list[TrainConfig]], setting: str, folder: Path) -> list[TrainConfig]:
    """The group of runs with the highest mean accuracy; the runs of a group differ in the seed alone."""
    seeds = [sorted({run.seed for run in group}) for group in groups]
    for group, its_seeds in zip(groups, seeds, strict=True):
        if its_seeds != seeds[0]:
            first, value = (getattr(runs[0], setting) for runs in (groups[0], group))
            raise ConfigError(
                f"{setting} {first} has the seeds {seeds[0]}, and {value} has {its_seeds}: give all values the same"
            )
    return max(groups, key=lambda group: fmean(_accuracy(run, folder) for run in group))


def _accuracy(run: TrainConfig, folder: Path) -> float:
    """The accuracy on the validation images after the last epoch; 0 for a diverged run. Raises ConfigError."""
    result = Store(folder / run.dataset_name).result(run.run_id)
    if result is None:
        raise ConfigError(f"{run.run_id} is not finished in {folder}: run it first")
    if run.validation_share == 0 or "val_acc_last" not in result:
        raise ConfigError(f"{run.run_id} has no validation images: give its runs a validation_share, such as 0.1")
    return 0.0 if result["status"] == "diverged" else result["val_acc_last"]
