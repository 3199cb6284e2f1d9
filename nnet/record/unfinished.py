"""An unfinished run on disk: its state after an epoch, from which it can resume."""

import sys
import time
from pathlib import Path

from torch import nn

from nnet.config import TrainConfig
from nnet.files import checkpoint
from nnet.files.atomic import write_file
from nnet.record import provenance
from nnet.regimes.base import Regime


class Partial:
    """The file of one unfinished run, <epoch_checkpoint_dir>/<dataset>/partial/<run_id>.pt.

    It is written after an epoch that ends more than `epoch_checkpoint_s` seconds after it was last written. Only the
    same run reads it: data, code, libraries, processor and threads must be the same, so that the resumed run ends with
    the same bits as an uninterrupted one. The number of the epoch is in <run_id>.epoch beside it. Without a folder
    nothing is written.
    """

    def __init__(self, cfg: TrainConfig, model: nn.Module, regime: Regime, data_sha256: str):
        self.cfg, self.model, self.regime = cfg, model, regime
        self.identity = {"run_id": cfg.run_id, "data": data_sha256, **provenance.machine(regime.device)}
        self.identity["code"] = provenance.code_sha256()
        self.path = None if cfg.partial_file is None else Path(cfg.partial_file)
        self.written = time.monotonic()

    def restore(self) -> tuple[list[dict], float]:
        """Load the stored state; returns (history, seconds trained), which are ([], 0.0) without a usable file."""
        if self.path is None or not self.path.exists():
            return [], 0.0
        try:
            state = checkpoint.load(self.path)
        except (OSError, ValueError) as error:
            return self._ignored(str(error))
        different = [name for name, value in self.identity.items() if state["identity"].get(name) != value]
        if different:
            return self._ignored(f"{self.path} belongs to another run: {', '.join(different)} changed")
        self.model.load_state_dict(state["model"])
        self.regime.load_state_dict(state["regime"])
        return state["history"], state["seconds"]

    def keep(self, history: list[dict], seconds: float) -> None:
        """Write the state after the last epoch of `history` if it is due. Raises CannotWrite."""
        if self.path is None or time.monotonic() - self.written < self.cfg.epoch_checkpoint_s:
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
        print(f"warning: {reason}; the run starts from its beginning", file=sys.stderr)
        return [], 0.0
