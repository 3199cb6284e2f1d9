"""The form of a run file: its parts, and whether a run must be trained again. Importing it does not import torch."""

from collections.abc import Mapping

from nnet.config import TrainConfig

FORM = 2
"""The form of a run file: which keys it has, and what they mean."""
NOTHING = type(None)
OPTIONS = {str: {str: object}}
PROVENANCE = {"own_code?": {str: {str: str}}}
TRAINED = {
    "form": int,
    **dict.fromkeys(("run_id", "dataset", "architecture", "regime", "activation"), str),
    **dict.fromkeys(("alpha_train", "p", "train_seconds"), float),
    "seed": int,
    "epochs": int,
    "noise_model": (str, NOTHING),
    "status": {"ok", "diverged"},
    "train_loss": (float, NOTHING),
    "diverged_epoch": (int, NOTHING),
    "history": [{"epoch": int}],
    "config": {"image_size": (int, NOTHING), "options": OPTIONS, "corruption?": str},
    "provenance": PROVENANCE,
    "sha256": {"data": str, "initial_weights": str, "weights": str},
}
"""The shape of the trained part, as `nnet.files.outside.check` takes it; further entries may have any."""
IMAGES = {"sweep_precision": str, "corrupt_test": bool, "max_test_samples": (int, NOTHING)}
"""The settings that every measurement has beside its own."""
MEASUREMENTS = [
    {
        "evaluation": str,
        "version": int,
        "settings": IMAGES,
        "images_sha256": str,
        "points": [
            {"strength": float, "draw": int, "acc": float, "loss": (float, NOTHING), "part?": str}
            | {str: (float, bool, NOTHING)}
        ],
        "columns": {str: (float, str, bool, NOTHING)},
        "seconds": float,
        "provenance": [PROVENANCE],
    }
]
ASKED = {
    "alpha_tests": [float],
    "noise_samples": int,
    "evaluations": [str],
    "noise_model": str,
    "options": OPTIONS,
    **IMAGES,
}
RUN = TRAINED | {"asked": ASKED, "measurements": MEASUREMENTS}
"""The shape of a run file."""
MEASURED = ("asked", "measurements")
"""The keys beside the trained part: the measuring fields last asked for, and the measurements."""


def without_measurements(run: Mapping) -> dict:
    """The trained part of a run file."""
    return {name: value for name, value in run.items() if name not in MEASURED}


def lacks_record(cfg: TrainConfig, run: Mapping) -> bool:
    """Whether the history lacks what the configuration asks training to note: such a run must be trained again."""
    return cfg.smoothed_accuracy and not all("smoothed_acc" in row for row in run["history"])
