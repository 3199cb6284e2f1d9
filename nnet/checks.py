"""Rules for the values of settings: each stands beside its field, and `check_fields` applies them all.

A rule is a function of a setting's name and value. It returns the value in its one form, so that equal settings have
equal values, and raises ConfigError, naming the setting, for a value that is not allowed.
"""

import dataclasses
import difflib
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any

Rule = Callable[[str, object], Any]


class ConfigError(ValueError):
    """A wrong configuration or wrong input: one sentence for the user, exit code 2. Any other exception is a bug."""


class Refused(RuntimeError):
    """A run or a measurement whose result would be booked wrongly: one sentence that says what to do."""


def setting(default: Any, rule: Rule, **metadata: Any) -> Any:
    """A dataclass field with its default, the rule for its values and further metadata, such as its `group`."""
    return dataclasses.field(default=default, metadata={"rule": rule} | metadata)


def check_fields(settings: Any) -> None:
    """Apply the rule of every field of a dataclass and store the value in its one form. Raises ConfigError."""
    for item in dataclasses.fields(settings):
        if "rule" in item.metadata:
            value = item.metadata["rule"](item.name, plain(getattr(settings, item.name)))
            object.__setattr__(settings, item.name, value)  # frozen dataclasses allow no other way


def plain(value: object) -> Any:
    """A NumPy scalar as the Python value that it is written as (float32 0.1 is 0.1); anything else unchanged."""
    if type(value) in (bool, float, int, str):
        return value
    kind = getattr(getattr(value, "dtype", None), "kind", None)
    if kind is None or _dimensions(value) > 0:
        return value
    return float(str(value)) if kind == "f" else value.item()  # type: ignore[attr-defined]


def canonical(value: object, name: str = "the value") -> Any:
    """The one form of a JSON-able value, so that equal values are written alike.

    A whole float becomes an int and -0.0 becomes 0; NumPy scalars become Python's; tuples and arrays become lists.
    Raises ConfigError, naming it, for a number that is not finite, a key that is no text, a set, or any other object.
    """
    if value is None or type(value) in (bool, int, str):
        return value
    value = plain(value)
    if isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        wrong = [key for key in value if not isinstance(key, str)]
        if wrong:
            raise ConfigError(f"{name} must have texts as keys; got {wrong[0]!r}")
        return {key: canonical(item, name) for key, item in value.items()}
    if isinstance(value, list | tuple) or _dimensions(value) > 0:
        return [canonical(item, name) for item in value]  # type: ignore[attr-defined]
    if not isinstance(value, Real):
        raise ConfigError(f"{name} must be a number, text, truth value, None, list or dict; got {value!r}")
    if isinstance(value, Integral):
        return int(value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(f"{name} must be finite; got {value!r}")
    return int(number) if number.is_integer() else number


def _dimensions(value: object) -> int:
    """The number of dimensions of an array; 0 for anything else."""
    return int(getattr(value, "ndim", False))


def unknown(what: str, value: object, choices: Iterable, further: str = "") -> ConfigError:
    """The error for a name that is not among `choices`: it lists them and, if one is similar, suggests it."""
    choices = list(choices)
    return ConfigError(
        f"unknown {what} {value!r}; choose from {choices}{further and f' {further}'}{nearest(value, choices)}"
    )


def nearest(value: object, choices: Iterable) -> str:
    """The end of a sentence on a name that is not among `choices`: the similar one, if there is one."""
    similar = difflib.get_close_matches(str(value), [str(choice) for choice in choices], 1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def number(name: str, value: object) -> float:
    """Rule: a finite number, at least 0, as a float."""
    try:
        if isinstance(value, bool | str):
            raise TypeError
        converted = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"{name} must be a number; got {value!r}") from None
    if not math.isfinite(converted) or converted < 0:
        raise ConfigError(f"{name} must be finite and not negative; got {value!r}")
    return converted + 0.0  # -0.0 becomes 0.0


def positive(name: str, value: object) -> float:
    """Rule: a finite number above 0, as a float."""
    converted = number(name, value)
    if converted == 0:
        raise ConfigError(f"{name} must be above 0; got {value!r}")
    return converted


def between(low: float, high: float, high_allowed: bool = True) -> Rule:
    """Rule: a number from `low` (at least 0) to `high`, as a float; `high` itself only if it is allowed."""

    def rule(name: str, value: object) -> float:
        converted = number(name, value)
        if not low <= converted <= high or (converted == high and not high_allowed):
            limit = "" if high_allowed else f", {high:g} excluded"
            raise ConfigError(f"{name} must be between {low:g} and {high:g}{limit}; got {value!r}")
        return converted

    return rule


def whole(smallest: int | None = None, largest: int | None = None) -> Rule:
    """Rule: a whole number within these limits, as an int."""
    return lambda name, value: whole_number(name, value, smallest, largest)


def whole_number(name: str, value: object, smallest: int | None = None, largest: int | None = None) -> int:
    """`value` as an int. Raises ConfigError, naming it, unless it is a whole number within the limits."""
    try:
        if isinstance(value, bool):
            raise TypeError
        converted = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise ConfigError(f"{name} must be a whole number; got {value!r}") from None
    if smallest is not None and converted < smallest:
        raise ConfigError(f"{name} must be at least {smallest}; got {value!r}")
    if largest is not None and converted > largest:
        raise ConfigError(f"{name} must be at most {largest}; got {value!r}")
    return converted


def one_of(choices: Iterable) -> Rule:
    """Rule: one of these texts or whole numbers."""
    known = list(choices)
    numbers = all(isinstance(choice, int) for choice in known)

    def rule(name: str, value: object) -> object:
        chosen = whole_number(name, value) if numbers else value
        if chosen not in known:
            raise unknown(name, value, known)
        return chosen

    return rule


def switch(name: str, value: object) -> bool:
    """Rule: True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False; got {value!r}")
    return value


def text(name: str, value: object) -> str:
    """Rule: a text."""
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text; got {value!r}")
    return value


def path(name: str, value: object) -> str:
    """Rule: the path of a file or folder, as a text."""
    return text(name, str(value) if isinstance(value, Path) else value)


def file_with(*suffixes: str) -> Rule:
    """Rule: the path, as a text, of a file that exists and whose name ends with one of these suffixes."""

    def rule(name: str, value: object) -> str:
        named = path(name, value)
        if not named.endswith(suffixes):
            raise ConfigError(f"{name} must be a file whose name ends with {' or '.join(suffixes)}; got {named!r}")
        if not Path(named).is_file():
            raise ConfigError(f"{name}: there is no file {named}")
        return named

    return rule


def optional(rule: Rule) -> Rule:
    """Rule: None, or what `rule` allows."""
    return lambda name, value: None if value is None else rule(name, value)


def word_or(word: str, rule: Rule) -> Rule:
    """Rule: this word, or what `rule` allows."""

    def checked(name: str, value: object) -> Any:
        if not isinstance(value, str):
            return rule(name, value)
        if value != word:
            raise ConfigError(f"{name} must be {word!r} or a number; got {value!r}")
        return value

    return checked


def several(rule: Rule, what: str, empty: bool = False) -> Rule:
    """Rule: a list of distinct values, each of which `rule` allows, as a tuple in ascending order.

    `what` names the values in the error; `empty`: whether the list may be empty.
    """

    def checked(name: str, values: object) -> tuple:
        listed = None if isinstance(values, str) or not isinstance(values, Iterable) else list(values)
        if listed is None or not (listed or empty):
            raise ConfigError(f"{name} must be a list of {what}{'' if empty else ', not empty'}; got {values!r}")
        ascending = sorted(rule(name, plain(value)) for value in listed)
        if len(set(ascending)) < len(ascending):
            raise ConfigError(f"{name} has duplicates: {ascending}")
        return tuple(ascending)

    return checked


def strengths(name: str, values: object) -> tuple[float, ...]:
    """Rule: a list of distinct numbers with 0 among them, as floats in ascending order."""
    ascending = several(number, "strengths")(name, values)
    if ascending[0] != 0:
        raise ConfigError(f"{name} must contain 0, the accuracy without noise from which a drop is measured")
    return ascending
