"""Values of settings, checked and brought to one form."""

import math
import operator
from collections.abc import Iterable


class ConfigError(ValueError):
    """A wrong configuration or wrong input: one sentence for the user, exit code 2. Any other exception is a bug."""


def number(name: str, value: object) -> float:
    """`value` as a float. Raises ConfigError, naming it, for what is no number, not finite or negative."""
    try:
        if isinstance(value, bool | str):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} must be a number; got {value!r}") from None
    if not math.isfinite(found) or found < 0:
        raise ConfigError(f"{name} must be finite and not negative; got {value!r}")
    return found


def whole_number(name: str, value: object, smallest: int | None = None) -> int:
    """`value` as an int. Raises ConfigError, naming it, for what is no whole number, and for less than `smallest`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        found = operator.index(value)
    except TypeError:
        raise ConfigError(f"{name} must be a whole number; got {value!r}") from None
    if smallest is not None and found < smallest:
        raise ConfigError(f"{name} must be at least {smallest}; got {value!r}")
    return found


def strengths(name: str, values: object) -> tuple[float, ...]:
    """`values` as floats in ascending order.

    Raises ConfigError, naming them, unless they are distinct and 0 is among them.
    """
    if isinstance(values, str | int | float) or not values:
        raise ConfigError(f"{name} must be a list of strengths, not empty; got {values!r}")
    alphas = sorted(number(name, value) for value in values)
    if len(set(alphas)) < len(alphas):
        raise ConfigError(f"{name} has duplicates: {alphas}")
    if alphas[0] != 0:
        raise ConfigError(f"{name} must contain 0, the accuracy without noise from which a drop is measured")
    return tuple(alphas)


def names(name: str, values: object) -> tuple[str, ...]:
    """`values` in alphabetical order. Raises ConfigError, naming them, unless they are a list of distinct texts."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise ConfigError(f"{name} must be a list of names; got {values!r}")
    if len(set(values)) < len(values):
        raise ConfigError(f"{name} has duplicates: {list(values)}")
    return tuple(sorted(values))


def choice(name: str, value: object, known: Iterable[str]) -> None:
    """Raise ConfigError, naming it and listing the known ones, unless `value` is one of `known`."""
    if value not in known:
        raise ConfigError(f"unknown {name} {value!r}; choose from {list(known)}")


def switch(name: str, value: object) -> None:
    """Raise ConfigError, naming it, unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be True or False; got {value!r}")
