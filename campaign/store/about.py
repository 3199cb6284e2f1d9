"""campaign.json: the runs of a folder's latest campaign, what they are compared with, and how long they take."""

import functools
import sys
from pathlib import Path

from campaign.machine.console import say
from nnet.files import checked_json, outside

FORM = {
    "runs?": [str],
    "reference?": {str: (str, float, bool, type(None))},
    "seconds?": {str: float},
    "spent?": {str: float},
    str: set(),
}
"""The shape of the file: it has no other names."""


def write(folder: Path, runs: list[str], reference: dict | None, seconds: dict | None, spent: dict | None) -> None:
    """Replace the file. Raises CannotWrite."""
    about = {"runs": sorted(runs), "reference": reference or {"regime": "clean"}}
    checked_json.save(folder / "campaign.json", about | {"seconds": seconds or {}, "spent": spent or {}}, indent=1)


def read(folder: Path) -> dict:
    """What the file says; {} if there is none, and, with a warning on stderr, if it is damaged.

    A file without a check sum, which a person has written, counts too.
    """
    try:
        return checked_json.load(Path(folder) / "campaign.json", FORM, without_sum=True)
    except OSError:
        return {}
    except outside.Unreadable as error:
        _warn(str(error))
        return {}


@functools.cache
def _warn(sentence: str) -> None:
    say(f"warning: {sentence}; it counts as missing until the next launch writes it", sys.stderr)
