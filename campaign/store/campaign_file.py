"""campaign.json: what the latest campaign on a folder asked for."""

import json
from contextlib import suppress
from pathlib import Path

from nnet.files.atomic import CannotWrite, write_file, writing

NAME = "campaign.json"


def write(folder: Path, about: dict) -> None:
    """Replace it. Raises CannotWrite."""
    write_file(folder / NAME, f"{json.dumps(about, indent=1)}\n".encode())


def planned(folder: Path) -> set[str]:
    """The run_ids of the latest campaign; none if that is not known."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        return set(json.loads((folder / NAME).read_text())["runs"])
    return set()


def estimates(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """`seconds` and `spent` of its runs as the latest launch wrote them; empty if it did not."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        about = json.loads((folder / NAME).read_text())
        return dict(about["seconds"]), dict(about["spent"])
    return {}, {}


def check_there(folder: Path) -> None:
    """Raise CannotWrite if it has vanished: what is written then would not lie beside what was written before."""
    with writing(folder):
        if not (folder / NAME).exists():
            why = "it has vanished with what was in it; it was deleted, renamed or unmounted"
            raise CannotWrite(f"cannot write in {folder}: {why}")
