"""Every setting that a block, a study or a flag may name, read from the fields of TrainConfig and Launch."""

import ast
import dataclasses
import functools
import inspect
import math
import re
import textwrap
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nnet.checks import ConfigError, between, switch
from nnet.config import TrainConfig
from nnet.identity import group_of

RESOLUTION = 0.1
"""Percentage points: the default of `Launch.resolution`."""


@dataclass(frozen=True)
class Launch:
    """Where and how runs are launched. Nothing here changes a result."""

    output_dir: str = "results"
    """Results are written to <output_dir>/<dataset>/."""
    engine: str = "process"
    """Where runs happen."""
    max_workers: int | None = None
    """Runs at the same time; none: one per usable core."""
    memory_check: bool = True
    """Start fewer workers if the free memory does not suffice."""
    run_timeout_s: float | None = None
    """Seconds after which a run is stopped and fails; none: never."""
    resolution: float = RESOLUTION
    """Half-width of an interval, in percentage points, for which tables count missing seeds."""

    notify: str | None = None
    """Shell command that is run at the end, at the first failed run and at an interruption, with a summary on its
    standard input; none: nothing."""

    def __post_init__(self):
        object.__setattr__(self, "output_dir", str(self.output_dir))
        object.__setattr__(self, "resolution", between(0.001, 100)("resolution", self.resolution))
        switch("memory_check", self.memory_check)
        if self.notify is not None and not (isinstance(self.notify, str) and self.notify.strip()):
            raise ConfigError(f"notify must be a shell command; got {self.notify!r}")


@dataclass(frozen=True)
class Setting:
    """One field of TrainConfig or Launch, with what a parser and a help text need to know of it."""

    name: str
    kind: type
    """int, float, str, bool or dict; of a tuple, the type of its items."""
    optional: bool
    """Whether None is a value."""
    several: bool
    """Whether the value is a tuple."""
    words: tuple[str, ...]
    """Words that are values beside those of its kind."""
    default: object
    group: str
    """Its group in TrainConfig; operation also for the fields of Launch."""
    once: bool
    """Whether it is a field of Launch: one value for the whole campaign, never a list."""
    doc: str
    """The first sentence of the field's docstring."""

    @property
    def operation(self) -> bool:
        """Whether it belongs to the launch: it changes no result, and a study takes it from the block."""
        return self.group == "operation"

    def value(self, words: Sequence[str]) -> object:
        """The value that words of a command line mean: several words are a tuple or, of any other setting, a list.

        "none" means None, or an empty tuple; "0-9" means ten whole numbers. Raises ConfigError for other words.
        """
        if self.several and [word.lower() for word in words] in ([], ["none"], [""]):
            return ()
        values = [value for word in words for value in self._values(word)]
        if self.several:
            return tuple(values)
        if self.operation and len(values) > 1:
            raise ConfigError(f"{self.name} takes one value; got {' '.join(words)}")
        return values[0] if len(values) == 1 else values

    def _values(self, word: str) -> list:
        if self.optional and word.lower() == "none":
            return [None]
        if word.lower() in self.words:
            return [word.lower()]
        bounds = re.fullmatch(r"(\d+)-(\d+)", word)
        if self.kind is int and bounds:
            if int(bounds[1]) > int(bounds[2]):
                raise ConfigError(f"{self.name}: a range ascends; write {bounds[2]}-{bounds[1]} instead of {word}")
            return [*range(int(bounds[1]), int(bounds[2]) + 1)]
        words = {int: "a whole number", float: "a number", bool: "true or false"}
        try:
            return [{"true": True, "false": False}[word.lower()] if self.kind is bool else self.kind(word)]
        except (KeyError, ValueError):
            allowed = " or ".join([*self.words, words[self.kind]])
            raise ConfigError(f"{self.name} must be {allowed}; got {word!r}") from None


@functools.cache
def settings() -> Mapping[str, Setting]:
    """All settings by name: those of TrainConfig in their order, then those of Launch."""
    return {item.name: _setting(owner, item) for owner in (TrainConfig, Launch) for item in dataclasses.fields(owner)}


def operation_names() -> set[str]:
    """The launch lines: settings that change no result."""
    return {name for name, setting in settings().items() if setting.operation}


def literal(text: str) -> object:
    """The value of an option, given as text: a number, true, false, text, or a list of them for `a,b` or `a,`."""
    items = [_literal(item) for item in text.split(",")]
    return items[0] if len(items) == 1 else [item for item in items if item != ""]


def _literal(text: str) -> object:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if math.isfinite(number):
            return number
    return {"true": True, "false": False}.get(text.lower(), text)


def _setting(owner: type, item: dataclasses.Field) -> Setting:
    default = item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
    arguments = typing.get_args(item.type)
    optional, several = types.NoneType in arguments, typing.get_origin(item.type) is tuple
    return Setting(
        name=item.name,
        kind=arguments[0] if arguments else typing.cast(type, item.type),
        optional=optional,
        several=several,
        words=tuple(word for argument in arguments for word in typing.get_args(argument) if isinstance(word, str)),
        default=default,
        group="operation" if owner is Launch else group_of(item),
        once=owner is Launch,
        doc=_docs(owner).get(item.name, ""),
    )


@functools.cache
def _docs(owner: type) -> dict[str, str]:
    """The first sentence of each field's docstring, which Python itself does not keep."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    docs = {}
    for field, text in zip(body, body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            sentence = " ".join(str(text.value.value).split())
            docs[ast.unparse(field.target)] = re.split(r"\.(?: |$)", sentence)[0]
    return docs
