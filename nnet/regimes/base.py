"""The hooks of a training regime; their defaults are training without noise."""

from collections.abc import Sequence

import torch
from torch import nn

from nnet.config import TrainConfig
from nnet.training import precision
from nnet.training.loss import loss_of


class Regime:
    """The rule by which the weights of one network are updated.

    The training loop calls `start_epoch`, then `step` for every batch, and never asks which regime it has. A
    regime with settings of its own defines a dataclass `Options` in its file and receives it as `options`.
    """

    def __init__(self, cfg: TrainConfig, model: nn.Module, optimizer: torch.optim.Optimizer):
        self.cfg, self.model, self.optimizer = cfg, model, optimizer
        self.device = next(model.parameters()).device

    def start_epoch(self, epoch: int) -> None:
        """Called before the first batch of every epoch, counted from 1; random streams start here."""

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Update the weights with one batch and return the loss (0-dimensional, detached).

        `images`: float32 B×C×H×W in [0, 1]; `labels`: int64 B.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(images, labels)
        self.optimizer.step()
        return loss

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the gradients of this batch in the parameters and return the loss (0-dimensional, detached)."""
        loss = loss_of(self.model, self.logits(images), labels)
        loss.backward()
        return loss.detach()

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """The logits of these images, B×classes, computed in the precision of the configuration."""
        return precision.logits(self.model, images, self.cfg.precision)

    def end_epoch(self, row: dict) -> dict:
        """Called after every epoch with its row of the history; returns the entries that the regime adds, JSON-able.

        `row`: `epoch`, `train_loss` and, with validation images, `val_loss` and `val_acc`, measured at the weights
        after the epoch.
        """
        return {}

    def record(self) -> dict:
        """The regime's entry in the run file that is in no table: `events`, a list of dicts, JSON-able."""
        return {}

    def columns(self, history: Sequence[dict]) -> dict:
        """The regime's own columns in the row of a finished run, from the rows of its history: JSON-able values."""
        return {}

    def state_dict(self) -> dict:
        """What, besides the network, an interrupted run needs after an epoch to resume with the same bits.

        Tensors, numbers, strings, None, lists and dicts. A regime that has more state than the optimizer adds it.
        """
        return {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Restore what `state_dict` returned."""
        self.optimizer.load_state_dict(state["optimizer"])
