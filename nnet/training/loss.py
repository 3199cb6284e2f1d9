"""The loss that training minimises, and what a network demands of its weights."""

import torch
from torch import nn
from torch.nn import functional


def loss_of(model: nn.Module, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of `logits` (B×classes) and `labels` (int64 B), 0-dimensional.

    A network that defines a method `penalty()` (0-dimensional) has it added, after each forward pass.
    """
    cross_entropy = functional.cross_entropy(logits, labels)
    penalty = getattr(model, "penalty", None)
    return cross_entropy if penalty is None else cross_entropy + penalty()


def constrain(model: nn.Module) -> None:
    """After an update: a network that defines a method `constrain()` brings its weights back to what it allows."""
    bring_back = getattr(model, "constrain", None)
    if bring_back is not None:
        bring_back()
