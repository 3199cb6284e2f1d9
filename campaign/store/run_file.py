"""The file of one run: strict JSON with a checksum, all that is known of one network."""

from pathlib import Path

from nnet.checks import ConfigError
from nnet.datasets.base import SAFE_NAME
from nnet.files import checked_json, outside
from nnet.record.beat import count
from nnet.record.form import FORM, RUN


class OtherForm(ConfigError):
    """A sound run file that another version of this program wrote, in another form."""


def write(path: Path, run: dict) -> str:
    """Write a run; returns its check sum. Raises CannotWrite, and ValueError for values that are not JSON, like NaN."""
    return checked_json.save(path, run, lines=True)


def read(path: Path) -> dict:
    """The run in a file, of the shape `RUN`.

    Raises OtherForm for one of another form, OSError, and Unreadable, with the reason, for a damaged one.
    """
    run = checked_json.load(path, None)
    if type(run.get("form", 0)) is int and run.get("form") != FORM:
        raise OtherForm(
            f"{path.parent} holds runs in the form of another version of this program, which are left as they are; "
            "choose another --output-dir, or move that folder away"
        )
    with outside.parsing(f"{path} is damaged: not a run file"):
        outside.check(run, RUN, "the run")
    if run["run_id"] != path.stem:
        raise outside.Unreadable(f"{path} is damaged: it holds the run {run['run_id']}")
    if not SAFE_NAME.fullmatch(run["dataset"]):
        raise outside.Unreadable(f"{path} is damaged: its dataset has a name that cannot name a folder")
    return run


def seconds(run: dict | None) -> float:
    """The seconds that a network took so far: its training and all of its measurements; 0 before it has a run file.

    `run`: the content of its file, or the outline of it.
    """
    if run is None:
        return 0.0
    if "seconds" in run:
        return run["seconds"]
    return run["train_seconds"] + sum(measurement["seconds"] for measurement in run["measurements"])


def points(run: dict | None) -> int:
    """The number of measured points of a network, each one draw at one strength; 0 before it has a run file."""
    return 0 if run is None else count(run["measurements"])
