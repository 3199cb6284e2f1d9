"""The one door for files that may be damaged, foreign or hostile: what comes through it has the shape that was asked.

Every reader returns the value or raises Unreadable, one sentence that names the file. OSError, for a file that is
missing or a disk that fails, is passed on: it says nothing about the content. Code behind the door catches no errors of
parsers, and importing this file imports neither NumPy nor torch.
"""

import io
import itertools
import json
import math
import os
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MB = 2**20
MOST_MB = 64
"""The size of the largest text file that is read."""
MOST_LEVELS = 32
"""How deep lists and dicts may be nested."""
MOST_WHOLE = 2**63
"""Whole numbers are smaller, so that they fit into tables and convert to floats."""
LONGEST_REASON = 200
DAMAGED = ".damaged"


class Unreadable(ValueError):
    """A file that is damaged, too large, too deep or of another shape: one sentence that names it."""


@contextmanager
def parsing(sentence: str, passed: tuple[type[Exception], ...] = (OSError, MemoryError)) -> Iterator[None]:
    """Turn whatever a parser raises in the `with` block into Unreadable: `sentence`, and the reason in brackets.

    No list of exceptions holds all that a parser raises for bytes that it does not expect. `passed`: those that are not
    about the content.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (Unreadable, *passed)):
            raise
        reason = "it does not fit into memory" if isinstance(error, MemoryError) else str(error)
        reason = " ".join(reason.split())[:LONGEST_REASON]
        raise Unreadable(f"{sentence} ({reason})" if reason else sentence) from error


def opened(path: str | Path) -> io.BufferedReader:
    """A regular file, open for reading. A pipe is refused at once, instead of waiting for its writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise Unreadable(f"{path} is damaged: it is not a regular file")


def content(path: str | Path, most: int = MOST_MB * MB) -> bytes:
    """The bytes of a file of at most `most` bytes."""
    with opened(path) as file:
        read = file.read(most + 1)
    if len(read) > most:
        raise Unreadable(f"{path} is damaged: it is larger than {most / MB:g} MB")
    return read


def text(path: str | Path, most: int = MOST_MB * MB) -> str:
    """The text of a UTF-8 file."""
    with parsing(f"{path} is damaged: not UTF-8"):
        return content(path, most).decode()


def json_value(path: str | Path, shape: Any = object, most: int = MOST_MB * MB) -> Any:
    """The value of a file of strict JSON, of the shape that `check` describes."""
    with parsing(f"{path} is damaged: not JSON of the expected form"):
        value = parsed_json(content(path, most))
        check(value, shape)
    return value


def parsed_json(read: bytes) -> Any:
    """The value of strict JSON of finite numbers and valid text, to be given to `check`.

    Raises whatever a parser raises.
    """
    value = json.loads(read.decode(), parse_constant=_number, parse_float=_number, parse_int=_whole)
    if b"\\u" in read:
        json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    return value


def toml(path: str | Path, shape: Any = object) -> dict:
    """The tables of a TOML file, of the shape that `check` describes."""
    read = text(path)
    with parsing(f"cannot read {path}: not TOML of the expected form"):
        value = tomllib.loads(read)
        parsed_json(json.dumps(value, default=str).encode())  # its numbers and levels are those of strict JSON
        check(value, shape)
    return value


def check(value: Any, shape: Any = object, place: str = "it", levels: int = MOST_LEVELS) -> None:
    """Raise ValueError, naming the place, unless a value of JSON or TOML has a shape, and not too many levels.

    A shape is a type (`float`: any number; `object`: anything); a set of the allowed values; a tuple of alternatives; a
    list with the shape of its items; or a dict with the shapes of values by name: a name that ends with `?` may be
    missing, and `str` stands for all further names, whose values may be anything without it.
    """
    if levels == 0:
        raise ValueError(f"nested deeper than {MOST_LEVELS} levels")
    shapes = [one for one in (shape if isinstance(shape, tuple) else (shape,)) if _is(value, one)]
    if not shapes:
        raise ValueError(f"{place} has another form")
    if isinstance(value, dict):
        _check_items(value, shapes[0] if isinstance(shapes[0], dict) else {}, place, levels)
    elif isinstance(value, list):
        of_items = shapes[0][0] if isinstance(shapes[0], list) else object
        for item in value:
            check(item, of_items, place, levels - 1)


def _check_items(value: dict, shapes: dict, place: str, levels: int) -> None:
    for name in shapes:
        if name not in value and isinstance(name, str) and not name.endswith("?"):
            raise ValueError(f"{place} has no {name}")
    further = shapes.get(str, object)
    for name, item in value.items():
        of_item = shapes.get(name) or shapes.get(f"{name}?") or further
        if type(item) in (dict, list) or not (of_item is object or type(item) is of_item):
            check(item, of_item, name, levels - 1)


def _is(value: Any, shape: Any) -> bool:
    if shape is object or type(value) is shape:
        return True
    if isinstance(shape, set):
        return isinstance(value, str | int) and value in shape
    return type(value) is (int if shape is float else type(shape))


def set_aside(path: Path) -> Path:
    """Rename a file or folder to <name>.damaged, or .damaged-2 and so on: nothing is overwritten. Raises OSError."""
    for number in itertools.count(1):
        aside = path.with_name(f"{path.name}{DAMAGED}{f'-{number}' if number > 1 else ''}")
        try:
            os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # the name is ours
        except FileExistsError:
            continue
        try:
            if path.is_dir() and not path.is_symlink():
                aside.unlink()
            path.replace(aside)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        return aside
    raise AssertionError("numbers do not end")


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) >= MOST_WHOLE:
        raise ValueError("a whole number is too large")
    return number
