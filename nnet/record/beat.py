"""How far a run is at this moment, for people who watch: one small file, written at most once a second."""

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from nnet.config import TrainConfig
from nnet.files import outside
from nnet.files.atomic import CannotWrite, write_file

EVERY_S = 1.0
"""Least seconds between two beats, and before the first one: a run that is shorter writes none."""
SUFFIX = ".beat"
LONGEST = 200
"""Bytes of the largest file that is read."""
SHAPE = {"epochs": int, "points": int, "new": int, "seconds": float}
"""The shape of the file.

`epochs` are trained, and `points` are measured and not in the run file yet; `new`, points or, before there are any,
epochs, were done in the last `seconds`: a run that goes on had others before.
"""


def read(path: Path) -> dict | None:
    """What such a file says; None without a sound one."""
    try:
        found = outside.json_value(path, SHAPE, most=LONGEST)
    except (OSError, outside.Unreadable):
        return None
    return found if all(value >= 0 for value in found.values()) else None


class Beat:
    """The file <epoch_checkpoint_dir>/<dataset>/partial/<run_id>.beat; without a folder nothing is written.

    No run reads it. It is not flushed to the disk, and left out where it cannot be written: what matters is kept by
    others, who then say so.
    """

    def __init__(self, cfg: TrainConfig):
        """The clock of its `seconds` starts here."""
        self.cfg = cfg
        self.begun = self.written = time.monotonic()
        self.before: int | None = None

    def epochs(self, trained: int) -> None:
        """Say how many epochs are trained; called after each."""
        self.before = trained - 1 if self.before is None else self.before
        if self._is_due():
            self._write(trained, 0, trained - self.before)

    def points(self, measurements: Iterable[dict], before: int) -> None:
        """Say how many points these measurements have, each one draw at one strength; `before`: those of them that an
        earlier attempt left."""
        if self._is_due():
            points = count(measurements)
            self._write(self.cfg.epochs, points, points - before)

    def _is_due(self) -> bool:
        return self.cfg.partial_file is not None and time.monotonic() - self.written >= EVERY_S

    def _write(self, epochs: int, points: int, new: int) -> None:
        self.written = time.monotonic()
        content = {"epochs": epochs, "points": points, "new": new, "seconds": self.written - self.begun}
        with suppress(CannotWrite):
            path = Path(str(self.cfg.partial_file)).with_suffix(SUFFIX)
            write_file(path, json.dumps(content).encode(), durable=False)


def count(measurements: Iterable[dict]) -> int:
    """The number of points of these measurements."""
    return sum(len({(row["strength"], row["draw"]) for row in item["points"]}) for item in measurements)
