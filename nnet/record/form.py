"""The form of a run file: its parts, and whether a run must be trained again. Importing it does not import torch."""

from collections.abc import Mapping

from nnet.config import TrainConfig

FORM = 2
"""The form of a run file: which keys it has, and what they mean."""
MEASURED = ("asked", "measurements")
"""The keys beside the trained part: the measuring fields last asked for, and the measurements."""


def without_measurements(run: Mapping) -> dict:
    """The trained part of a run file."""
    return {name: value for name, value in run.items() if name not in MEASURED}


def lacks_record(cfg: TrainConfig, run: Mapping) -> bool:
    """Whether the history lacks what the configuration asks training to note: such a run must be trained again."""
    return cfg.smoothed_accuracy and not all("smoothed_acc" in row for row in run["history"])
