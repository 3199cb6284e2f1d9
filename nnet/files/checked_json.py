"""JSON files with a checksum: strict JSON, whole or not at all."""

import hashlib
import json
from pathlib import Path

from nnet.files.atomic import write_file


def save(path: Path, content: dict, indent: int | None = None) -> None:
    """Write `content`; `indent`: spaces for each level, None for one line.

    Raises CannotWrite, and ValueError for values that are not JSON, like NaN.
    """
    text = json.dumps(content | {"checksum": checksum_of(content)}, indent=indent, allow_nan=False)
    write_file(path, f"{text}\n".encode())


def load(path: Path) -> dict:
    """What `save` wrote. Raises OSError, and ValueError if the file is damaged."""
    try:
        content = json.loads(Path(path).read_bytes())
        checksum = content.pop("checksum", None)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: not a JSON object ({error})") from error
    if checksum != checksum_of(content):
        raise ValueError(f"{path} is damaged: its check sum is wrong")
    return content


def checksum_of(content: dict) -> str:
    """SHA-256 of the content, as the file states it."""
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
