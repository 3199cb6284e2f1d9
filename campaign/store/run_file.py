"""The file of one finished run: strict JSON with a checksum."""

import hashlib
import json
from pathlib import Path

from nnet.files.atomic import write_file


def write(path: Path, result: dict) -> None:
    """Write a result. Raises CannotWrite, and ValueError for values that are not JSON, like NaN."""
    text = json.dumps(result | {"checksum": _checksum(result)}, indent=1, allow_nan=False)
    write_file(path, f"{text}\n".encode())


def read(path: Path) -> dict:
    """The result in a file. Raises ValueError, with the reason, if the file is damaged."""
    try:
        result = json.loads(path.read_text())
        checksum = result.pop("checksum", None)
        run_id = result["run_id"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: not a run file ({error!r})") from error
    if checksum != _checksum(result):
        raise ValueError(f"{path} is damaged: wrong checksum")
    if run_id != path.stem:
        raise ValueError(f"{path} is damaged: it holds the run {run_id}")
    return result


def _checksum(result: dict) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(result, sort_keys=True, allow_nan=False).encode()).hexdigest()
