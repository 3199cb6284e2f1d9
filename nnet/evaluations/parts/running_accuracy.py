"""The running value that the first program of perturbative networks reported as its test accuracy, for comparison.

Juefei-Xu, Boddeti and Savvides 2018: after each full batch of test images with accuracy a the value S becomes
0.7·S + 0.3·a. It starts at 0 and is never reset; the value after the last batch is the epoch's. The last five batches
have 83 % of the weight, whatever the size of the test set.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from nnet.config import TrainConfig
from nnet.data.batches import Batch
from nnet.training import precision as precisions

KEPT, ADDED = 0.7, 0.3


def smoothed(accuracies: Iterable[float], before: float = 0.0) -> float:
    """The running value after batches with these accuracies, in the same unit; `before`: after the previous epoch."""
    for accuracy in accuracies:
        before = KEPT * before + ADDED * accuracy
    return before


def smoothed_accuracy(correct: torch.Tensor, batch_size: int, before: float = 0.0) -> float:
    """The running value, 0 to 1; `correct` (bool N): which images are classified correctly. Skips a short batch."""
    full = len(correct) // batch_size * batch_size
    return smoothed(correct[:full].view(-1, batch_size).double().mean(1).tolist(), before)


@torch.inference_mode()
def correctly_classified(model: nn.Module, batches: Iterable[Batch], precision: str) -> torch.Tensor:
    """Which images are classified correctly, bool N, in their order. Sets the network to evaluation mode."""
    model.eval()
    return torch.cat([precisions.logits(model, images, precision).argmax(1) == labels for images, labels in batches])


def entries(model: nn.Module, batches: Iterable[Batch], cfg: TrainConfig, history: Sequence[dict]) -> dict:
    """`test_acc` and `smoothed_acc` of an epoch; `batches`: all test images, `history`: the rows of earlier epochs."""
    correct = correctly_classified(model, batches, cfg.precision)
    before = history[-1]["smoothed_acc"] if history else 0.0
    smoothed_acc = smoothed_accuracy(correct, cfg.batch_size, before)
    return {"test_acc": int(correct.sum()) / len(correct), "smoothed_acc": smoothed_acc}
