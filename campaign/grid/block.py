"""From the block in `main()`, a study and flags to the list of runs: one expansion, one rule for flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from campaign.grid import lists
from campaign.grid.names import check_known, renamed
from campaign.grid.settings import Launch, operation_names, settings
from campaign.grid.study import Study
from campaign.grid.values import FIELDS, is_exempt, option_names, values_of
from nnet import options as by_owner
from nnet.checks import ConfigError, canonical
from nnet.config import TrainConfig

OPTION_OWNERS = {"regime", "arch", "evaluations", "corruption"}
"""Flags for these may leave a study's options without their owner: they are dropped."""
__all__ = ["Launch", "Runs", "expand", "lines_of"]


@dataclass(frozen=True)
class Runs:
    """What a block, a study and flags mean."""

    configs: list[TrainConfig]
    launch: Launch
    reference: dict | None
    """What the runs are compared with; None: the default."""


def lines_of(block: Mapping[str, Any], study: Study | None) -> dict[str, Any]:
    """The lines of all parts: those of the block or, with a study, its launch lines and the study's BLOCK."""
    lines = _checked(block, "the block")
    if study is None:
        return lines
    shared = {name: value for name, value in lines.items() if name in operation_names()}
    return shared | _checked(study.block, f"study {study.name}")


def expand(
    block: Mapping[str, Any],
    study: Study | None = None,
    flags: Mapping[str, Any] | None = None,
    only: Sequence[tuple[str, Any]] = (),
) -> Runs:
    """The runs of the block, or of a study, with flags: each once, in the order of the parts and their lists.

    A flag overrides its line in every part. Where the parts differ in that line, only the runs with the flag's value
    are kept. Each option is a line of its own. `only`: as `lists.only` takes it. Raises ConfigError, in one sentence,
    for an unknown line, for a value that no part has, and for whatever `TrainConfig` refuses.
    """
    shared, flags = lines_of(block, study), _checked(flags or {}, "the command line")
    launch = Launch(**{name: value for name, value in (shared | flags).items() if settings()[name].once})
    parts = [_joined(shared, _part(part, study)) for part in study.parts] if study else [shared]
    owners = {owner for part in parts for options in _values(part, "options") for owner in options}
    parts, filters = _overridden([_of_runs(part) for part in parts], _of_runs(flags))
    points = [point for part in parts for point in lists.points(_lines_of_runs(part, launch.output_dir))]
    for name, wanted in filters.items():
        points = _kept(points, name, wanted)
    base = TrainConfig()
    configs = lists.make([(base, point) for point in points], owners if OPTION_OWNERS & flags.keys() else ())
    reference = renamed(study.reference) if study and study.reference else None
    if reference and not filters and not OPTION_OWNERS & flags.keys():
        check_known(reference, {*FIELDS, *option_names(configs)}, "REFERENCE of the study: unknown setting")
    return Runs(lists.only(configs, only), launch, reference)


def _checked(lines: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The lines by canonical name. Raises ConfigError for an unknown line and for a list that cannot vary."""
    lines = renamed(lines)
    check_known(lines, settings(), f"{where}: unknown line")
    for name, value in lines.items():
        items, setting = _listed(value), settings()[name]
        if setting.kind is dict:
            for item in items:
                by_owner.check_form(item, f"{where}: ")
        if not isinstance(value, list):
            continue
        if setting.operation:
            raise ConfigError(f"{where}: {name} has one value for all runs; got {value!r}")
        if setting.several and not all(isinstance(item, list | tuple) for item in value):
            raise ConfigError(
                f"{where}: a list varies, and each value of {name} is a tuple; write {tuple(value)!r} for one value"
            )
        if any(item in value[:index] for index, item in enumerate(value)):
            raise ConfigError(f"{name} has duplicates: {value}")
    return lines


def _part(part: Mapping[str, Any], study: Study) -> dict[str, Any]:
    lines = _checked(part, f"study {study.name}")
    for name in lines:
        if settings()[name].once:
            raise ConfigError(f"study {study.name}: {name} has one value for all parts; set it in BLOCK")
    return lines


def _of_runs(lines: Mapping[str, Any]) -> dict[str, Any]:
    """The lines that become fields of runs."""
    return {name: value for name, value in lines.items() if not settings()[name].once}


def _lines_of_runs(part: dict[str, Any], output_dir: str) -> dict[str, Any]:
    """The lines in an order in which seeds vary fastest; unfinished runs are kept beside the results."""
    seed = part.get("seed", settings()["seed"].default)
    lines = {name: value for name, value in part.items() if name != "seed"}
    if lines.get("data_dir", "") is None:
        del lines["data_dir"]  # TrainConfig's default
    return {"epoch_checkpoint_dir": output_dir} | lines | {"seed": seed}


def _joined(lines: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both, `more` over `lines`; options are merged one by one, in every dict of a list of them."""
    if "options" not in lines or "options" not in more:
        return lines | more
    merged = [by_owner.joined(one, other) for one in _listed(lines["options"]) for other in _listed(more["options"])]
    return lines | more | {"options": merged if len(merged) > 1 else merged[0]}


def _overridden(parts: list[dict], flags: dict[str, Any]) -> tuple[list[dict], dict[str, list]]:
    """The parts with the flags that override a line in all of them; and the other flags, as wanted values by name."""
    filters: dict[str, list] = {}
    lines = {name: (value, [_values(part, name) for part in parts]) for name, value in flags.items()}
    options = lines.pop("options", ({}, []))[0]
    for name, (value, values) in lines.items():
        if _differ(values):
            filters[name] = _listed(value)
        else:
            parts = [part | {name: value} for part in parts]
    for owner, its_options in options.items():
        for name, value in its_options.items():
            if _differ([[item.get(owner, {}).get(name, ...) for item in _values(part, "options")] for part in parts]):
                filters[f"{owner}.{name}"] = [value]
            else:
                parts = [_joined(part, {"options": {owner: {name: value}}}) for part in parts]
    return parts, filters


def _listed(value: Any) -> list:
    return value if isinstance(value, list) else [value]


def _values(part: Mapping[str, Any], name: str) -> list:
    return _listed(part.get(name, settings()[name].default))


def _differ(values: list[list]) -> bool:
    """Whether parts differ in a line; `values` has its values in each part."""
    distinct = [[item for index, item in enumerate(items) if item not in items[:index]] for items in values]
    return any(items != distinct[0] for items in distinct[1:])


def _kept(points: list[dict], name: str, wanted: list) -> list[dict]:
    """The points that have one of the wanted values, and those for which the setting has no meaning.

    Raises ConfigError, with the choices, for a value that no point has.
    """
    defaults = {setting.name: setting.default for setting in settings().values()}
    fields = [defaults | point for point in points]
    meant = [[] if is_exempt(run, name) else values_of(run, name) for run in fields]
    choices = [values[0] for index, values in enumerate(meant) if values and values not in meant[:index]]
    wanted = [canonical(value, name) for value in wanted]
    for value in wanted:
        if value not in choices:
            raise ConfigError(f"the study has no runs with {name} {value!r}; choose from {choices}")
    return [point for point, values in zip(points, meant, strict=True) if not values or values[0] in wanted]
