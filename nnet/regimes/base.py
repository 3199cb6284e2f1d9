"""The hooks of a training regime; their defaults are training without noise."""

import torch
from torch import nn
from torch.nn import functional

from nnet.config import TrainConfig
from nnet.training import precision


class Regime:
    """The rule by which the weights of one network are updated.

    The training loop calls `start_epoch`, then `step` for every batch, and never asks which regime it has. A
    regime with settings of its own defines a dataclass `Options` in its file and takes it as `options`.
    """

    def __init__(self, cfg: TrainConfig, model: nn.Module, optimizer: torch.optim.Optimizer):
        self.cfg, self.model, self.optimizer = cfg, model, optimizer
        self.device = next(model.parameters()).device

    def start_epoch(self, epoch: int) -> None:
        """Called before the first batch of every epoch, counted from 1: the place to start a random stream."""

    def step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take one batch, leave the update done, and return the loss (0-dimensional, detached).

        `images`: float32 B×C×H×W in [0, 1]; `labels`: int64 B.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(images, labels)
        self.optimizer.step()
        return loss

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Leave the gradients of this batch in the parameters and return the loss (0-dimensional, detached)."""
        loss = functional.cross_entropy(self.logits(images), labels)
        loss.backward()
        return loss.detach()

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """What the network says of these images, B×classes, computed in the precision of the configuration."""
        return precision.logits(self.model, images, self.cfg.precision)

    def end_epoch(self, row: dict) -> dict:
        """Called after every epoch with its row of the history; returns what the regime adds to that row, JSON-able.

        `row`: `epoch`, `train_loss` and, where there are validation images, `val_loss` and `val_acc`, measured at the
        weights as the epoch left them.
        """
        return {}

    def record(self) -> dict:
        """What this regime adds to a finished run's file, but to no table: `events`, a list of dicts, JSON-able."""
        return {}

    def columns(self) -> dict:
        """What this regime adds to the row of a finished run: JSON-able values by column name."""
        return {}

    def state_dict(self) -> dict:
        """What an interrupted run needs between two epochs to go on with the same bits, the network aside.

        Tensors, numbers, texts, None, lists and dicts. A regime that remembers more than the optimizer adds it.
        """
        return {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Take up what `state_dict` returned."""
        self.optimizer.load_state_dict(state["optimizer"])
