"""Lists of runs: made from settings that vary, joined, filtered and changed."""

import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from campaign.grid import values
from campaign.grid.names import canonical, check_known, renamed
from nnet import options as by_owner
from nnet import registry
from nnet.checks import ConfigError, whole_number
from nnet.config import TrainConfig

USUAL_OF_DATASET = "dataset"
"""The value of `augmentation` that stands for what is usual for the dataset."""
SEED_BITS = 31


def repeats(count: int, master_seed: int = 0) -> list[int]:
    """`count` distinct seeds below 2³¹, drawn from the master seed; a larger count begins with the same seeds.

    Raises ConfigError for a count below 1 and for anything but whole numbers.
    """
    count = whole_number("repeats", count, smallest=1)
    draws = random.Random(whole_number("master_seed", master_seed))
    seeds: dict[int, None] = {}
    while len(seeds) < count:
        seeds[draws.getrandbits(SEED_BITS)] = None
    return list(seeds)


def product(base: TrainConfig | None = None, **settings: Any) -> list[TrainConfig]:
    """Every combination of these settings on top of `base`, each run once: a list varies, anything else is one value.

    `base`: None takes TrainConfig's defaults. Options go to the runs that have their owner. Raises ConfigError for an
    unknown setting, an empty list, options whose owner no run has, and whatever `TrainConfig` refuses.
    """
    base = base or TrainConfig()
    return make((base, point) for point in points(settings))


def points(settings: Mapping[str, Any]) -> list[dict]:
    """Every combination of these settings, by canonical name: a list varies, anything else is one value."""
    settings = renamed(settings)
    lists = {name: value if isinstance(value, list) else [value] for name, value in settings.items()}
    for name, items in lists.items():
        if not items:
            raise ConfigError(f"{name} is empty; give at least one value")
    return [dict(zip(lists, items, strict=True)) for items in itertools.product(*lists.values())]


def make(changes: Iterable[tuple[TrainConfig, Mapping[str, Any]]], droppable: Iterable[str] = ()) -> list[TrainConfig]:
    """Each configuration with its changes, each once. Options go to the runs that have their owner.

    Raises ConfigError for an unknown setting and for options whose owner no run has and that is not `droppable`.
    """
    configs, given, had = [], {}, set()
    for config, settings in changes:
        check_known(settings, values.FIELDS, "unknown setting")
        fields = values.fields_of(config) | dict(settings)
        if fields["augmentation"] == USUAL_OF_DATASET:
            fields["augmentation"] = _usual_augmentation(fields["dataset"])
        options = settings.get("options", {})
        if isinstance(options, Mapping):
            given |= dict.fromkeys(options)
            fields["options"] = _with_owner(by_owner.joined(config.options, options), fields)
        configs.append(TrainConfig(**fields))
        had |= values.owners_of(fields).keys() if given else set()
    for owner in given:
        if owner not in had and owner not in droppable:
            raise by_owner.no_effect(owner, "no run of this list has")
    return join(configs)


def _with_owner(options: dict, fields: Mapping[str, Any]) -> dict:
    """The options without those whose owner exists, but is no part of a run with these fields."""
    owners = values.owners_of(fields) if options else {}
    every = by_owner.every_owner() if options else {}
    return {owner: its_options for owner, its_options in options.items() if owner in owners or owner not in every}


def join(*grids: Iterable[TrainConfig]) -> list[TrainConfig]:
    """The runs of all grids in the order of their first appearance, each once.

    A network that is to be measured in several ways is there once for each.
    """
    unique: dict[tuple[str, str], TrainConfig] = {}
    for config in itertools.chain(*grids):
        unique.setdefault(_key(config), config)
    return list(unique.values())


def select(configs: Iterable[TrainConfig], **wanted: Any) -> list[TrainConfig]:
    """The runs that have every one of these settings or options; an option that is not set has its default.

    An option's name stands for itself in every owner that has it. Raises ConfigError for a name that no run knows.
    """
    configs, wanted = list(configs), renamed(wanted)
    if configs:
        check_known(wanted, {*values.FIELDS, *values.option_names(configs)}, "no run has a setting")
    return [config for config in configs if all(values.has(values.fields_of(config), *item) for item in wanted.items())]


def configure(
    configs: Iterable[TrainConfig], where: Mapping[str, Any] | None = None, **changes: Any
) -> list[TrainConfig]:
    """A new list in which the runs that match `where` have these settings; the others are unchanged.

    Options are added to those of a run. Raises ConfigError as `product` does.
    """
    return split(configs, where, **{name: [value] for name, value in changes.items()})


def split(configs: Iterable[TrainConfig], where: Mapping[str, Any] | None = None, **lists: list) -> list[TrainConfig]:
    """A new list in which each run that matches `where` is replaced by one run per combination of `lists`.

    The others are unchanged; each run once. Raises ConfigError as `product` does.
    """
    configs = list(configs)
    chosen = {_key(config) for config in select(configs, **(where or {}))}
    for name, items in lists.items():
        if not isinstance(items, list | tuple):
            raise ConfigError(f"{name} must be a list; got {items!r}")
    changes = points({name: list(items) for name, items in lists.items()})
    return make((config, point) for config in configs for point in (changes if _key(config) in chosen else [{}]))


def only(configs: Sequence[TrainConfig], wanted: Sequence[tuple[str, Any]]) -> list[TrainConfig]:
    """The runs that have every one of these settings or options, given as (name, value); "none" stands for None.

    A run that does not know an option is kept, and so is, for alpha_train, one whose regime has no weight noise: it may
    be the baseline of others. Raises ConfigError for a name that no run knows, and if no run is left.
    """
    known = {*values.SCIENCE, *values.option_names(configs)} if wanted else set()
    for word, value in wanted:
        name = word if word in known else canonical(word)
        check_known([name], known, "--only: unknown setting")
        configs = [config for config in configs if _keeps(config, name, value)]
        if not configs:
            raise ConfigError(f"--only leaves no run: none has {name} = {value}")
    return list(configs)


def _keeps(config: TrainConfig, name: str, wanted: Any) -> bool:
    fields = values.fields_of(config)
    return values.is_exempt(fields, name) or values.has(fields, name, wanted)


def _key(config: TrainConfig) -> tuple[str, str]:
    """The network and how it is measured."""
    return config.run_id, config.asked


def _usual_augmentation(dataset: Any) -> str:
    """The augmentation that the dataset's file states, or none."""
    known = dataset in registry.names("datasets")
    return registry.constant("datasets", dataset, "AUGMENTATION", "none") if known else "none"
