"""Lists of runs: made from settings that vary, joined, filtered and changed."""

import dataclasses
import itertools
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from campaign.grid.names import canonical, check_known, renamed
from nnet import registry
from nnet.checks import ConfigError, unknown, whole_number
from nnet.config import CORRUPTIONS, TrainConfig, plug_ins

FIELDS = [item.name for item in dataclasses.fields(TrainConfig)]
SCIENCE = [
    item.name
    for item in dataclasses.fields(TrainConfig)
    if not item.metadata.get("operation") and item.name != "options"
]
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

    `base`: None takes TrainConfig's defaults. An option goes to the runs whose regime, architecture, evaluation or
    corruption has it. Raises ConfigError for an unknown setting, an empty list, an option that no run has, and whatever
    `TrainConfig` refuses.
    """
    base = base or TrainConfig()
    return make((base, point) for point in points(settings))


def points(settings: Mapping[str, Any]) -> list[dict]:
    """Every combination of these settings, by canonical name: a list varies, anything else is one value."""
    settings = renamed(settings)
    values = {name: value if isinstance(value, list) else [value] for name, value in settings.items()}
    for name, items in values.items():
        if not items:
            raise ConfigError(f"{name} is empty; give at least one value")
    return [dict(zip(values, items, strict=True)) for items in itertools.product(*values.values())]


def make(changes: Iterable[tuple[TrainConfig, Mapping[str, Any]]], droppable: Iterable[str] = ()) -> list[TrainConfig]:
    """Each configuration with its changes, each run once. An option goes to the runs that know it.

    Raises ConfigError for an unknown setting and for an option that no run knows and that is not `droppable`.
    """
    changes = list(changes)
    unused = {option for _, settings in changes for option in _options(settings)} - {*droppable}
    everyone = set()
    configs = []
    for config, settings in changes:
        check_known(settings, FIELDS, "unknown setting")
        fields = _fields(config) | dict(settings)
        if fields["augmentation"] == USUAL_OF_DATASET:
            fields["augmentation"] = _usual_augmentation(fields["dataset"])
        known = _known_options(fields)
        options = config.options | _options(settings)
        fields["options"] = {name: value for name, value in options.items() if name in known}
        configs.append(TrainConfig(**fields))
        unused -= known
        everyone |= known
    if unused and not everyone:
        raise ConfigError(f"unknown option {min(unused)!r}: none of these runs has options")
    if unused:
        raise unknown("option", min(unused), sorted(everyone))
    return join(configs)


def join(*grids: Iterable[TrainConfig]) -> list[TrainConfig]:
    """The runs of all grids, each once, in the order of their first appearance."""
    return list({config.run_id: config for config in itertools.chain(*grids)}.values())


def select(configs: Iterable[TrainConfig], **wanted: Any) -> list[TrainConfig]:
    """The runs that have every one of these settings or options; an option that is not set has its default.

    Raises ConfigError for a name that no run knows.
    """
    wanted = renamed(wanted)
    settings = [(config, config.options_and_defaults() | _fields(config)) for config in configs]
    if settings:
        check_known(wanted, {name for _, known in settings for name in known}, "no run has a setting")
    return [
        config for config, known in settings if all(name in known and known[name] == wanted[name] for name in wanted)
    ]


def configure(
    configs: Iterable[TrainConfig], where: Mapping[str, Any] | None = None, **changes: Any
) -> list[TrainConfig]:
    """A new list in which the runs that match `where` have these settings; the others are unchanged.

    `options` are added to those of a run. Raises ConfigError as `product` does.
    """
    return split(configs, where, **{name: [value] for name, value in changes.items()})


def split(configs: Iterable[TrainConfig], where: Mapping[str, Any] | None = None, **lists: list) -> list[TrainConfig]:
    """A new list in which each run that matches `where` is replaced by one run per combination of `lists`.

    The others are unchanged; each run once. Raises ConfigError as `product` does.
    """
    configs = list(configs)
    chosen = {config.run_id for config in select(configs, **(where or {}))}
    for name, values in lists.items():
        if not isinstance(values, list | tuple):
            raise ConfigError(f"{name} must be a list; got {values!r}")
    changes = points({name: list(values) for name, values in lists.items()})
    return make((config, point) for config in configs for point in (changes if config.run_id in chosen else [{}]))


def only(configs: Sequence[TrainConfig], wanted: Sequence[tuple[str, Any]]) -> list[TrainConfig]:
    """The runs that have every one of these settings or options, given as (name, value); "none" stands for None.

    A run that does not know an option is kept, and so is, for alpha_train, one whose regime has no weight noise: it may
    be the baseline of others. Raises ConfigError for a name that no run knows, and if no run is left.
    """
    known = [*SCIENCE, *sorted({name for config in configs for name in config.options_and_defaults()})]
    for word, value in wanted:
        name = canonical(word)
        check_known([name], known, "--only: unknown setting")
        configs = [config for config in configs if is_exempt(vars(config), name) or _has(vars(config), name, value)]
        if not configs:
            raise ConfigError(f"--only leaves no run: none has {name} = {value}")
    return list(configs)


def value_of(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a setting or an option among the fields of a run, an option that is not set at its default."""
    return fields[name] if name in FIELDS else _option_values(fields).get(name)


def is_exempt(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a setting or option has no meaning for a run with these fields, so that no value excludes the run."""
    if name == "alpha_train":
        known = fields["regime"] in registry.names("regimes")
        return known and not registry.constant("regimes", fields["regime"], "USES_ALPHA_TRAIN", True)
    return name not in FIELDS and name not in _known_options(fields)


def _has(fields: Mapping[str, Any], name: str, wanted: Any) -> bool:
    value = value_of(fields, name)
    if isinstance(value, tuple):
        return value == (tuple(wanted) if isinstance(wanted, list) else (wanted,))
    return value == wanted or (value is None and wanted == "none")


def _fields(config: TrainConfig) -> dict:
    return {name: getattr(config, name) for name in FIELDS}


def _options(settings: Mapping[str, Any]) -> dict:
    options = settings.get("options", {})
    if not isinstance(options, dict):
        raise ConfigError(f"options must be a dict of settings by name; got {options!r}")
    return options


def _owners(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(kind, name) of each existing plug-in of a run that may have options; TrainConfig refuses the others."""
    named = plug_ins([fields["regime"]], [fields["arch"]], fields["evaluations"])
    return [(kind, name) for kind, name in named if name in registry.names(kind)]


def _known_options(fields: Mapping[str, Any]) -> set[str]:
    known = {option for kind, name in _owners(fields) for option in registry.option_names(kind, name)}
    return known | {*CORRUPTIONS.get(fields["corruption"], ())}


def _option_values(fields: Mapping[str, Any]) -> dict:
    values: dict[str, Any] = {}
    for kind, name in _owners(fields):
        values |= registry.option_defaults(kind, name)
    return values | fields["options"]


def _usual_augmentation(dataset: Any) -> str:
    """The augmentation that the dataset's file states, or none."""
    known = dataset in registry.names("datasets")
    return registry.constant("datasets", dataset, "AUGMENTATION", "none") if known else "none"
