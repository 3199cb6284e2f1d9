"""Values of settings, checked and brought to one form."""

import math
import operator
from collections.abc import Iterable


def number(name: str, value: object) -> float:
    """`value` as a float. Raises ValueError, naming it, for what is no number, not finite or negative."""
    try:
        if isinstance(value, bool | str):
            raise TypeError
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a number; got {value!r}") from None
    if not math.isfinite(found) or found < 0:
        raise ValueError(f"{name} must be finite and not negative; got {value!r}")
    return found


def whole_number(name: str, value: object, smallest: int | None = None) -> int:
    """`value` as an int. Raises ValueError, naming it, for what is no whole number, and for less than `smallest`."""
    try:
        if isinstance(value, bool):
            raise TypeError
        found = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number; got {value!r}") from None
    if smallest is not None and found < smallest:
        raise ValueError(f"{name} must be at least {smallest}; got {value!r}")
    return found


def strengths(name: str, values: object) -> tuple[float, ...]:
    """`values` as floats in ascending order.

    Raises ValueError, naming them, unless they are distinct and 0 is among them.
    """
    if isinstance(values, str | int | float) or not values:
        raise ValueError(f"{name} must be a list of strengths, not empty; got {values!r}")
    alphas = sorted(number(name, value) for value in values)
    if len(set(alphas)) < len(alphas):
        raise ValueError(f"{name} has duplicates: {alphas}")
    if alphas[0] != 0:
        raise ValueError(f"{name} must contain 0, the accuracy without noise from which a drop is measured")
    return tuple(alphas)


def names(name: str, values: object) -> tuple[str, ...]:
    """`values` in alphabetical order. Raises ValueError, naming them, unless they are a list of distinct texts."""
    if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name} must be a list of names; got {values!r}")
    if len(set(values)) < len(values):
        raise ValueError(f"{name} has duplicates: {list(values)}")
    return tuple(sorted(values))


def choice(name: str, value: object, known: Iterable[str]) -> None:
    """Raise ValueError, naming it and listing the known ones, unless `value` is one of `known`."""
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}; choose from {list(known)}")


def switch(name: str, value: object) -> None:
    """Raise ValueError, naming it, unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False; got {value!r}")
