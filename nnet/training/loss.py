"""The loss that training minimises."""

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
