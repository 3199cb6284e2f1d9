"""The running value that the first program of perturbative networks reported as its test accuracy, for comparison.

Juefei-Xu, Boddeti and Savvides 2018: after each full batch of test images with accuracy a the value S becomes
0.7·S + 0.3·a. It begins at 0 and is never set back; the value after the last batch is the epoch's. The last five
batches have 83 % of the weight, whatever the size of the test set.
"""

from collections.abc import Iterable

import torch
from torch import nn

from nnet.data.batches import Batch
from nnet.training import precision as precisions

KEPT, ADDED = 0.7, 0.3


def smoothed(accuracies: Iterable[float], before: float = 0.0) -> float:
    """The running value after batches of these accuracies, in their unit; `before`: after the epoch before."""
    for accuracy in accuracies:
        before = KEPT * before + ADDED * accuracy
    return before


def smoothed_accuracy(correct: torch.Tensor, batch_size: int, before: float = 0.0) -> float:
    """The same, 0 to 1, from which images are classified right, bool N; a last batch that is short is left out."""
    full = len(correct) // batch_size * batch_size
    return smoothed(correct[:full].view(-1, batch_size).double().mean(1).tolist(), before)


@torch.inference_mode()
def correctly_classified(model: nn.Module, batches: Iterable[Batch], precision: str) -> torch.Tensor:
    """For each image whether it is classified right, bool N, in their order; the network is in evaluation mode then."""
    model.eval()
    return torch.cat([precisions.logits(model, images, precision).argmax(1) == labels for images, labels in batches])
