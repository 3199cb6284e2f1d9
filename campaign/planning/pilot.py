"""One step of each kind of run before a campaign starts: does it work, how long will it take, how much memory?"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from campaign.engines import base
from campaign.engines.workers import tasks
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.record.cost import Cost, kind_of


@dataclass(frozen=True)
class Estimate:
    """What one run will take, as far as its pilot tells; nothing where the pilot came to no result."""

    seconds: float = 0.0
    memory_mb: float = 0.0


def estimates(
    pending: Sequence[TrainConfig], stores: dict[str, Store], engine: Callable, timeout_s: float | None
) -> tuple[dict[str, Estimate], dict]:
    """The estimate of each run by run_id, from one pilot per kind, and the machine that the pilots were on.

    Raises ConfigError where a run cannot be set up, or where results on other data of the same name are there.
    """
    kinds: dict[str, list[TrainConfig]] = {}
    for config in pending:
        kinds.setdefault(kind_of(config), []).append(config)
    found = {config.run_id: Estimate() for config in pending}
    machine = {}
    for alike in kinds.values():
        outcome = base.Lost("", "", "")
        while isinstance(outcome, base.Lost):
            outcome = _outcome(engine([alike[0]], tasks.estimate, 1, timeout_s))
        if not isinstance(outcome, base.Failure):
            _check_same_data(alike[0], outcome["data_sha256"], stores[alike[0].dataset_name])
            cost = Cost(**outcome["cost"]) if outcome["cost"] else None
            for config in alike:
                found[config.run_id] = Estimate(cost.seconds(config) if cost else 0.0, outcome["memory_mb"])
            machine = outcome["machine"]
        elif outcome.error == ConfigError.__name__:
            raise ConfigError(outcome.message)
        # otherwise it is not the configuration that is wrong: each of these runs fails, and says why
    return found, machine


def _outcome(events: Iterator) -> dict | base.Failure:
    with closing(events):
        return next(outcome for _, outcome in filter(None, events))


def _check_same_data(config: TrainConfig, sha256: str, store: Store) -> None:
    for result in store.results().values():
        same_file = result["config"].get("dataset_sha256") == config.science().get("dataset_sha256")
        resized_alike = result["config"]["image_size"] == config.image_size
        if not same_file or (resized_alike and result["sha256"]["data"] != sha256):
            raise ConfigError(
                f"{store.folder} holds runs on other data of the name {config.dataset_name!r}; "
                "choose another --output-dir, or rename the dataset's file"
            )
