"""Options by owner: which parts of a run take options, their names and defaults. Importing it does not import torch.

The owners of a run are its regime, its architecture, its dataset where that has options, its corruption of pixels, its
evaluations and `weight_noise`, which is always measured. `{"beta": {"attack_size": 0.1}}` sets the option `attack_size`
of the regime `beta`.
"""

import functools
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nnet import registry
from nnet.checks import ConfigError, canonical, nearest, number, unknown

CORRUPTIONS = {"replacement": (), "additive": ("sigma",)}
"""The options of each corruption of pixels; all of them must be set."""
SWEEP = "weight_noise"
"""The evaluation that is always measured."""
CORRUPTION = "corruptions"
"""The kind of these owners, which are no plug-ins."""
EXAMPLE = '{"beta": {"attack_size": 0.1}}'
Owners = dict[str, str]
"""Name of an owner → its kind: regimes, architectures, datasets, corruptions or evaluations."""


def training_owners(dataset: str | None, regime: str, arch: str, corruption: str) -> Owners:
    """The owners whose options may change trained weights. Raises ConfigError as `unique` does.

    `dataset`: None, or the path of an .npz file, has no options.
    """
    named = [(regime, "regimes"), (arch, "architectures"), (corruption, CORRUPTION)]
    return unique([*named, *((name, "datasets") for name in _datasets() if name == dataset)])


def measuring_owners(evaluations: Iterable[str]) -> Owners:
    """The owners whose options change measurements alone."""
    return dict.fromkeys([SWEEP, *evaluations], "evaluations")


def unique(named: Iterable[tuple[str, str]]) -> Owners:
    """Owners from pairs (name, kind). Raises ConfigError if two kinds have one name."""
    owners: Owners = {}
    for name, kind in named:
        if owners.setdefault(name, kind) != kind:
            raise ConfigError(
                f"rename {name!r}: both the {owners[name]} and the {kind} have it, and options belong to one owner"
            )
    return owners


def every_owner() -> Owners:
    """All owners that a run may have. Raises ConfigError as `unique` does."""
    kinds = {kind: registry.names(kind) for kind in ("regimes", "architectures", "evaluations")}
    kinds |= {"datasets": _datasets(), CORRUPTION: [*CORRUPTIONS]}
    return unique((name, kind) for kind, names in kinds.items() for name in names)


def check_corruption(corruption: str, its_options: Mapping[str, Any]) -> None:
    """Raise ConfigError unless all options of a corruption are set, to numbers ≥ 0."""
    for name in CORRUPTIONS[corruption]:
        if name not in its_options:
            raise ConfigError(f"corruption {corruption!r} needs the option {name!r}")
        number(name, its_options[name])


def names_of(kind: str, owner: str) -> list[str]:
    """The options that an owner takes. Raises ConfigError if there is no such owner."""
    return [*CORRUPTIONS[owner]] if kind == CORRUPTION else registry.option_names(kind, owner)


def defaults_of(kind: str, owner: str) -> dict[str, Any]:
    """The defaults of these options, in canonical form; options without a default are left out."""
    return {} if kind == CORRUPTION else dict(_defaults(kind, owner, registry.users_folder()))


def check_form(options: object, where: str = "", owners: Iterable[str] = ()) -> Mapping[Any, Mapping]:
    """The options, unless they are no dict of dicts: raises ConfigError, which begins with `where`.

    `owners`: those of the run, which are named first where a flat dict lacks the owner.
    """
    if not isinstance(options, Mapping):
        raise ConfigError(f"{where}options must be a dict of options by owner, like {EXAMPLE}; got {options!r}")
    for owner, its_options in options.items():
        if not isinstance(its_options, Mapping):
            if owner in every_owner():
                raise ConfigError(f"{where}the options of {owner!r} must be a dict by name; got {its_options!r}")
            raise _flat(owner, its_options, owners, where)
    return options


@functools.cache
def _defaults(kind: str, owner: str, users: Path | None) -> dict[str, Any]:
    """`users`: the folder of the user's plug-ins, which may hold the owner."""
    return canonical(registry.option_defaults(kind, owner), owner)


def checked(options: object, owners: Owners) -> dict[str, dict]:
    """The options in their one form, without owners that set none.

    `owners`: those of the run. Raises ConfigError, in one sentence, for an owner or an option that the run does not
    know, for a flat dict of options, and for a value that is no number, text, truth value, None, list or dict.
    """
    formed = {}
    for owner, its_options in check_form(options, owners=owners).items():
        if owner not in owners:
            raise _not_an_owner(owner, owners)
        known = names_of(owners[owner], owner)
        for name in its_options:
            if name not in known:
                raise _not_an_option(owner, name, known)
        defaults = defaults_of(owners[owner], owner)
        formed[owner] = {name: _formed(name, value, defaults.get(name)) for name, value in its_options.items()}
        if owners[owner] == "evaluations":
            _in_order(owner, formed[owner])
    return {owner: its_options for owner, its_options in formed.items() if its_options}


def completed(options: Mapping[str, dict], owners: Owners) -> dict[str, dict]:
    """All options of these owners: as they are set, the others at their defaults; owners without options left out."""
    every = {owner: defaults_of(kind, owner) | options.get(owner, {}) for owner, kind in owners.items()}
    return {owner: its_options for owner, its_options in every.items() if its_options}


def changed(options: Mapping[str, dict], owners: Owners) -> dict[str, dict]:
    """The options of these owners that are set and not at their defaults; owners without such options left out."""
    differing = {}
    for owner, kind in owners.items():
        usual = defaults_of(kind, owner)
        differing[owner] = {
            name: value for name, value in options.get(owner, {}).items() if name not in usual or usual[name] != value
        }
    return {owner: its_options for owner, its_options in differing.items() if its_options}


def owners_with(option: str) -> list[str]:
    """The owners, of all that there are, that have an option of this name; a plug-in that is broken is passed over."""
    found = []
    for owner, kind in every_owner().items():
        with suppress(ConfigError):
            if option in names_of(kind, owner):
                found.append(owner)
    return found


def joined(options: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, those of `more` over the others, option by option."""
    both = dict(options)
    for owner, its_options in more.items():
        dicts = isinstance(its_options, Mapping) and isinstance(both.get(owner), Mapping)
        both[owner] = {**both[owner], **its_options} if dicts else its_options
    return both


def no_effect(owner: str, who: str, further: str = "") -> ConfigError:
    """The error for options of an owner that is not there; `who`: like "this run has"."""
    kind = every_owner()[owner].removesuffix("s")
    return ConfigError(f"options of {owner!r} have no effect: {who} {owner!r} as its {kind}{further}")


def _datasets() -> list[str]:
    """The datasets with options; a plug-in that is broken is passed over."""
    return _datasets_with_options(registry.users_folder())


@functools.cache
def _datasets_with_options(users: Path | None) -> list[str]:
    found = []
    for name in registry.names("datasets"):
        with suppress(ConfigError):
            if registry.option_names("datasets", name):
                found.append(name)
    return found


def _formed(name: str, value: object, default: object) -> object:
    """The value in canonical form; a number is text where the default is text (`p_norm=2`)."""
    formed = canonical(value, f"the option {name!r}")
    number = isinstance(formed, int | float) and not isinstance(formed, bool)
    return str(formed) if number and isinstance(default, str) else formed


def _in_order(evaluation: str, its_options: dict) -> None:
    """Bring its strengths into ascending order: they are measured in it, however they are listed."""
    name = registry.constant("evaluations", evaluation, "STRENGTHS")
    values = its_options.get(name)
    if isinstance(values, list) and all(isinstance(value, int | float) for value in values):
        its_options[name] = sorted(values)


def _not_an_owner(owner: object, owners: Owners) -> ConfigError:
    if owner in every_owner():
        own = _with_options(owners)
        return no_effect(str(owner), "this run does not have", f"; its options belong to {own}" if own else "")
    return unknown("owner of options", owner, _with_options(every_owner()))


def _flat(name: object, value: object, owners: Iterable[str], where: str) -> ConfigError:
    """The error for an option without its owner; the owners of the run come first among those that have it."""
    every = sorted(owners_with(str(name)), key=lambda owner: owner not in owners)
    if not every:
        return ConfigError(
            f"{where}no owner has an option {name!r}; options belong to their owner, like {EXAMPLE}"
            f"{nearest(name, _every_option())}"
        )
    return ConfigError(
        f'{where}options belong to their owner: write options={{"{every[0]}": {{"{name}": {value!r}}}}}, or --options '
        f"{every[0]}.{name}={value}; {name!r} is an option of {', '.join(every)}"
    )


def _every_option() -> list[str]:
    names: set[str] = set()
    for owner, kind in every_owner().items():
        with suppress(ConfigError):
            names.update(names_of(kind, owner))
    return sorted(names)


def _not_an_option(owner: str, name: object, known: list[str]) -> ConfigError:
    hint = nearest(name, known)
    elsewhere = [other for other in owners_with(str(name)) if other != owner]
    if elsewhere and not hint:
        hint = f"; {name!r} is an option of {', '.join(elsewhere)}"
    choices = f"choose from {known}" if known else "it has no options"
    return ConfigError(f"unknown option {name!r} of {owner}; {choices}{hint}")


def _with_options(owners: Owners) -> list[str]:
    names = []
    for owner, kind in owners.items():
        with suppress(ConfigError):
            if names_of(kind, owner):
                names.append(owner)
    return sorted(names)
