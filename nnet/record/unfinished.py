"""An unfinished run on disk: its state after an epoch, and the points that it has measured so far."""

import copy
import time
from pathlib import Path

import torch
from torch import nn

from nnet.config import TrainConfig
from nnet.console import complain
from nnet.files import checked_json, checkpoint, outside
from nnet.files.atomic import write_file
from nnet.record import own_code, provenance
from nnet.record.beat import Beat, count
from nnet.record.form import MEASUREMENTS
from nnet.regimes.base import Regime

STATE = {"identity": dict, "model": dict, "regime": dict, "history": list, "seconds": float}
"""The types of the values of an unfinished training."""


def identity_of(cfg: TrainConfig, device: torch.device, data_sha256: str) -> dict:
    """What must be the same for an unfinished run to go on with the same bits."""
    identity = {"run_id": cfg.run_id, "config": cfg.training(), "data": data_sha256, **provenance.machine(device)}
    own = own_code.of([*own_code.of_training(cfg), *(("evaluations", name) for name in cfg.evaluations)])
    return identity | {"code": provenance.code_sha256()} | ({"own_code": own} if own else {})


class Partial:
    """The file of one unfinished training, <epoch_checkpoint_dir>/<dataset>/partial/<run_id>.pt.

    It is written after an epoch that ends more than `epoch_checkpoint_s` seconds after it was last written. Only the
    same run reads it: data, code, libraries, processor and threads must be the same, so that the resumed run ends with
    the same bits as an uninterrupted one. The number of the epoch is in <run_id>.epoch beside it. Without a folder
    nothing is written.
    """

    def __init__(self, cfg: TrainConfig, model: nn.Module, regime: Regime, data_sha256: str):
        self.cfg, self.model, self.regime = cfg, model, regime
        self.identity = identity_of(cfg, regime.device, data_sha256) | {"smoothed_accuracy": cfg.smoothed_accuracy}
        self.path = None if cfg.partial_file is None else Path(cfg.partial_file)
        self.written = time.monotonic()
        self.beat = Beat(cfg)

    def restore(self) -> tuple[list[dict], float]:
        """Load the stored state; returns (history, seconds trained), which are ([], 0.0) without a usable file."""
        if self.path is None or not self.path.exists():
            return [], 0.0
        try:
            state = checkpoint.load(self.path, STATE)
        except (OSError, outside.Unreadable) as error:
            return self._ignored(str(error))
        different = [name for name, value in self.identity.items() if state["identity"].get(name) != value]
        if different:
            return self._ignored(f"{self.path} was written by another run: {', '.join(different)} changed")
        before = copy.deepcopy((self.model.state_dict(), self.regime.state_dict()))
        try:
            with outside.parsing(f"{self.path} does not fit this run"):
                outside.check(state["history"], [{"epoch": int}])
                self._load(state["model"], state["regime"])
        except outside.Unreadable as error:
            self._load(*before)
            return self._ignored(str(error))
        return state["history"], state["seconds"]

    def _load(self, model: dict, regime: dict) -> None:
        self.model.load_state_dict(model)
        self.regime.load_state_dict(regime)

    def keep(self, history: list[dict], seconds: float, now: bool = False) -> None:
        """Write the state after the last epoch of `history` if it is due, or `now`. Raises CannotWrite."""
        self.beat.epochs(len(history))
        if self.path is None or not (now or _is_due(self.cfg, self.written)):
            return
        checkpoint.save(self.path, self.state(history, seconds))
        write_file(self.path.with_suffix(".epoch"), str(len(history)).encode())
        self.written = time.monotonic()

    def state(self, history: list[dict], seconds: float) -> dict:
        """Everything that the run needs to resume."""
        return {
            "identity": self.identity,
            "model": self.model.state_dict(),
            "regime": self.regime.state_dict(),
            "history": history,
            "seconds": seconds,
        }

    @staticmethod
    def _ignored(reason: str) -> tuple[list[dict], float]:
        complain(f"warning: {reason}; the run starts from its beginning")
        return [], 0.0


class PartialPoints:
    """The file of unfinished measurements, <epoch_checkpoint_dir>/<dataset>/partial/<run_id>.points.

    It is written at most every `epoch_checkpoint_s` seconds. Only the same run with the same weights reads it.
    """

    def __init__(self, cfg: TrainConfig, device: torch.device, data_sha256: str, weights_sha256: str):
        self.cfg = cfg
        self.identity = identity_of(cfg, device, data_sha256) | {"weights": weights_sha256}
        self.path = None if cfg.partial_file is None else Path(cfg.partial_file).with_suffix(".points")
        self.written = time.monotonic()
        self.beat, self.before = Beat(cfg), 0

    def restore(self) -> list[dict]:
        """The stored measurements; none without a usable file."""
        if self.path is None or not self.path.exists():
            return []
        try:
            state = checked_json.load(self.path, {"identity": dict, "measurements": MEASUREMENTS})
        except (OSError, outside.Unreadable) as error:
            return self._ignored(str(error))
        if state["identity"] != self.identity:
            return self._ignored(f"{self.path} was written by another run")
        self.before = count(state["measurements"])
        return state["measurements"]

    def keep(self, measurements: list[dict]) -> None:
        """Write the measurements if it is due; each may lack points. Raises CannotWrite."""
        self.beat.points(measurements, self.before)
        if self.path is not None and _is_due(self.cfg, self.written):
            checked_json.save(self.path, {"identity": self.identity, "measurements": measurements})
            self.written = time.monotonic()

    @staticmethod
    def _ignored(reason: str) -> list[dict]:
        complain(f"warning: {reason}; its points are measured again")
        return []


def _is_due(cfg: TrainConfig, written: float) -> bool:
    return time.monotonic() - written >= cfg.epoch_checkpoint_s
