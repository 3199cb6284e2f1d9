"""How good a network is: accuracy and loss on labelled images."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from nnet.data.batches import Batch
from nnet.training import precision as precisions


@torch.inference_mode()
def evaluate(model: nn.Module, batches: Iterable[Batch], precision: str = "fp32") -> tuple[float, float]:
    """Accuracy (correct / total) and mean cross-entropy in evaluation mode; an image whose logits have a NaN is wrong.

    `batches`: pairs of images (float32 B×C×H×W in [0, 1]) and labels (int64 B) of any size; `precision`: fp32 or bf16.
    """
    model.eval()
    correct, losses, total = [], [], 0
    for images, labels in batches:
        logits = precisions.logits(model, images, precision)
        highest, classes = logits.max(1)
        correct.append(((classes == labels) & ~highest.isnan()).sum())
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
        total += len(labels)
    return sum(torch.stack(correct).tolist()) / total, sum(torch.stack(losses).tolist()) / total
