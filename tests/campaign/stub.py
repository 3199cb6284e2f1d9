"""Work for engines that needs no torch: what a run does is written in its `options`-free field `seed`; runs made up."""

import os
import signal
import time

from nnet.config import TrainConfig
from nnet.evaluations.parts import points

RAISES, DIES, EXITS, SLOW, ODD = 100, 200, 300, 400, 500


class OddError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def work(config: TrainConfig, known: dict | None = None) -> dict:
    """Seed 100 raises, 200 is killed, 300 exits silently, 400 is slow, 500 raises oddly; others give a result."""
    if config.seed == RAISES:
        raise ArithmeticError("this run\nraises")
    if config.seed == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.seed == EXITS:
        os._exit(0)
    if config.seed == SLOW:
        time.sleep(600)
    if config.seed == ODD:
        raise OddError(3, 4)
    time.sleep(0.05)
    return {"seed": config.seed, "pid": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS"), "known": known}


def run_of(config: TrainConfig, accuracy: float = 0.9, known: dict | None = None, **changed) -> dict:
    """What `train_and_evaluate` returns for a run whose every point has this accuracy; keywords replace entries."""
    measured = [
        {
            "evaluation": want.evaluation, "version": want.version, "settings": want.settings, "images_sha256": "",
            "points": [
                {"strength": strength, "draw": draw, "acc": accuracy, "loss": 0.5} for strength, draw in want.points()
            ],
            "columns": {}, "seconds": 1.0, "provenance": [],
        }
        for want in points.wanted(config)
    ]  # fmt: skip
    run = {
        "form": 2, "run_id": config.run_id, "dataset": config.dataset_name, "architecture": config.arch,
        "regime": config.regime, "seed": config.seed, "alpha_train": config.alpha_train, "noise_model": None,
        "activation": config.activation, "p": config.p, "epochs": config.epochs, "status": "ok", "train_loss": 0.4,
        "train_seconds": 3.0, "diverged_epoch": None, "history": [], "config": config.training(), "provenance": {},
        "sha256": {"data": "", "initial_weights": "", "weights": ""}, "asked": config.measuring(),
        "measurements": points.joined([] if known is None else known["measurements"], measured),
    }  # fmt: skip
    return run | {"sweep": points.table_rows(run)} | points.derived(run) | changed
