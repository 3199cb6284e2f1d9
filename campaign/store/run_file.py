"""The file of one run: strict JSON with a checksum, all that is known of one network."""

import hashlib
import json
from pathlib import Path

from nnet.checks import ConfigError
from nnet.files.atomic import write_file

FORM = 2
"""The form of a run file: what it holds and under which names."""


class OtherForm(ConfigError):
    """A sound run file that another version of this program wrote, in another form."""


def write(path: Path, run: dict) -> None:
    """Write a run. Raises CannotWrite, and ValueError for values that are not JSON, like NaN."""
    text = json.dumps(run | {"checksum": _checksum(run)}, indent=1, allow_nan=False)
    write_file(path, f"{text}\n".encode())


def read(path: Path) -> dict:
    """The run in a file. Raises OtherForm for one of another form, ValueError, with the reason, for a damaged one."""
    try:
        run = json.loads(path.read_text())
        checksum = run.pop("checksum", None)
        run_id = run["run_id"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: not a run file ({error!r})") from error
    if checksum != _checksum(run):
        raise ValueError(f"{path} is damaged: wrong checksum")
    if run.get("form") != FORM:
        raise OtherForm(
            f"{path.parent} holds runs in the form of another version of this program, which are left as they are; "
            "choose another --output-dir, or move that folder away"
        )
    if run_id != path.stem:
        raise ValueError(f"{path} is damaged: it holds the run {run_id}")
    return run


def seconds(run: dict | None) -> float:
    """The seconds that a network took so far: its training and all of its measurements; 0 before it has a run file."""
    if run is None:
        return 0.0
    return run["train_seconds"] + sum(measurement["seconds"] for measurement in run["measurements"])


def points(run: dict | None) -> int:
    """The number of measured points of a network, each one draw at one strength; 0 before it has a run file."""
    measurements = [] if run is None else run["measurements"]
    return sum(len({(row["strength"], row["draw"]) for row in measured["points"]}) for measured in measurements)


def _checksum(run: dict) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(run, sort_keys=True, allow_nan=False).encode()).hexdigest()
