"""JSON files with a checksum: strict JSON, whole or not at all."""

import hashlib
import json
from pathlib import Path
from typing import Any

from nnet.files import outside
from nnet.files.atomic import write_file


def save(path: Path, content: dict, lines: bool = False) -> str:
    """Write `content`; `lines`: each entry in a line of its own, instead of all in one.

    Returns its check sum. Raises CannotWrite, and ValueError for values that are not JSON, like NaN.
    """
    checksum, between = checksum_of(content), ",\n " if lines else ", "
    summed = content | {"checksum": checksum}
    entries = [f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in summed.items()]
    write_file(path, f"{{{between.join(entries)}}}\n".encode())
    return checksum


def load(path: Path, shape: Any = object, without_sum: bool = False) -> dict:
    """What `save` wrote; `shape`: of the content, as `outside.check` takes it, or None if the caller checks it.

    `without_sum`: whether a file without a check sum is taken as it is. Raises OSError, and Unreadable if the file is
    damaged or its content has another shape.
    """
    read = outside.content(path)
    with outside.parsing(f"{path} is damaged: not a JSON object with a check sum"):
        content = outside.parsed_json(read)
        summed = not without_sum or "checksum" in content
        if not isinstance(content, dict) or (summed and not read.endswith(b"\n")):
            raise ValueError("it is cut off" if isinstance(content, dict) else "it is another value")
        checksum = content.pop("checksum") if summed else None
        right = checksum_of(content) if summed else None
    if checksum != right:
        raise outside.Unreadable(f"{path} is damaged: its check sum is wrong")
    if shape is not None:
        with outside.parsing(f"{path} is damaged: not of the expected form"):
            outside.check(content, shape)
    return content


def checksum_of(content: dict) -> str:
    """SHA-256 of the content, as the file states it."""
    return f"sha256:{digest_of(content)}"


def digest_of(value: object) -> str:
    """SHA-256 of a JSON-able value, whatever the order of its keys. Raises ValueError for NaN."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()
