"""What a setting or an option is in a run, by name: `epochs`, `beta.attack_size`, or `attack_size` of any owner."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from nnet import options as by_owner
from nnet import registry
from nnet.checks import canonical
from nnet.config import TrainConfig
from nnet.identity import in_group

FIELDS = [item.name for item in dataclasses.fields(TrainConfig)]
SCIENCE = [name for name in FIELDS if name not in (*in_group(TrainConfig, "operation"), "options")]
"""The fields by which runs can be told apart, without the options."""


def fields_of(config: TrainConfig) -> dict:
    """The fields of a run by name."""
    return {name: getattr(config, name) for name in FIELDS}


def owners_of(fields: Mapping[str, Any]) -> by_owner.Owners:
    """Name → kind of what may have options in a run with these fields; names that TrainConfig refuses are left out."""
    evaluations = fields["evaluations"] if isinstance(fields["evaluations"], list | tuple) else ()
    owners = by_owner.measuring_owners(name for name in evaluations if isinstance(name, str))
    named = (fields["dataset"], fields["regime"], fields["arch"], fields["corruption"])
    if all(isinstance(name, str) for name in named[1:]):
        owners |= by_owner.training_owners(*named)
    every = by_owner.every_owner()
    return {owner: kind for owner, kind in owners.items() if owner in every}


def values_of(fields: Mapping[str, Any], name: str) -> list:
    """The values of a setting or option of a run, in canonical form; an option that is not set has its default.

    Empty for an option that the run does not know; several where several of its parts have an option of this name.
    """
    if name in FIELDS:
        return [canonical(fields[name], name)]
    owner, dot, option = name.rpartition(".")
    options = by_owner.completed(fields["options"], owners_of(fields))
    return [its_options[option] for one, its_options in options.items() if option in its_options and owner in ("", one)]


def option_names(configs: Iterable[TrainConfig]) -> set[str]:
    """The names of all options of these runs, each alone and with its owner."""
    owners = {owner: kind for config in configs for owner, kind in config.owners().items()}
    owned = [(owner, option) for owner, kind in owners.items() for option in by_owner.names_of(kind, owner)]
    return {option for _, option in owned} | {f"{owner}.{option}" for owner, option in owned}


def is_exempt(fields: Mapping[str, Any], name: str) -> bool:
    """Whether a setting or option has no meaning for a run with these fields, so that no value excludes the run."""
    if name == "alpha_train":
        known = fields["regime"] in registry.names("regimes")
        return known and not registry.constant("regimes", fields["regime"], "USES_ALPHA_TRAIN", True)
    return not values_of(fields, name)


def has(fields: Mapping[str, Any], name: str, wanted: Any) -> bool:
    """Whether a setting or option of a run has this value, as a command line or Python gives it; "none" means None."""
    wanted = canonical(wanted, name)
    choices = [wanted, [wanted], *([None, []] if wanted == "none" else [])]
    return any(value in choices for value in values_of(fields, name))
