"""campaign.json: the runs of a folder's latest campaign, how they are compared, their seconds and threads."""

import functools
from pathlib import Path

from campaign.machine.console import complain
from nnet.files import checked_json, outside
from nnet.files.atomic import CannotWrite, writing

NAME = "campaign.json"
FORM = {
    "runs?": [str],
    "reference?": {str: (str, float, bool, type(None))},
    "resolution?": float,
    "seconds?": {str: float},
    "training?": {str: float},
    "spent?": {str: float},
    "threads?": {str: int},
    str: set(),
}
"""The shape of the file: it has no other names.

By run_id: `seconds`, the estimated seconds of what was to do, `training`, those of them that train, `spent`, those that
the run had taken before, and `threads`, of the runs to do that have several.
"""


def write(folder: Path, runs: list[str], reference: dict | None, about: dict) -> None:
    """Replace the file. `about`: the other names of `FORM`; what is None is left out. Raises CannotWrite.

    `runs`: run_ids in the order of the configuration, which is that of the panels of figures.
    """
    whole: dict = {"runs": runs, "reference": reference or {"regime": "clean"}, "seconds": {}, "spent": {}}
    whole |= {name: value for name, value in about.items() if value is not None}
    checked_json.save(folder / NAME, whole, lines=True)


def read(folder: Path) -> dict:
    """What the file says; {} if there is none, and, with a warning on stderr, if it is damaged.

    A file without a check sum, which a person has written, counts too.
    """
    try:
        return checked_json.load(Path(folder) / NAME, FORM, without_sum=True)
    except OSError:
        return {}
    except outside.Unreadable as error:
        _warn(str(error))
        return {}


@functools.cache
def _warn(sentence: str) -> None:
    complain(f"warning: {sentence}; it counts as missing until the next launch writes it")


def check_there(folder: Path) -> None:
    """Raise CannotWrite if it has vanished: what is written then would not lie beside what was written before."""
    with writing(folder):
        if not (folder / NAME).exists():
            why = "it has vanished with what was in it; it was deleted, renamed or unmounted"
            raise CannotWrite(f"cannot write in {folder}: {why}")
