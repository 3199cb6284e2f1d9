"""The distance between the outputs at attacked weights and those at the unperturbed weights.

Each function takes the logits at θ and at θ* (B×classes) and the labels (int64 B), and returns the mean over the batch
(0-dimensional); p and q are the softmax of the two. Logarithms of p and q come from the logits, not from rounded
probabilities, so that they are always finite.
"""

import math

import torch
from torch.nn import functional


def kl(logits: torch.Tensor, attacked: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """KL(p‖q)."""
    return _divergence(logits.log_softmax(1), attacked.log_softmax(1))


def reverse_kl(logits: torch.Tensor, attacked: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """KL(q‖p)."""
    return _divergence(attacked.log_softmax(1), logits.log_softmax(1))


def js(logits: torch.Tensor, attacked: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """½ KL(p‖m) + ½ KL(q‖m) with m = ½ (p + q)."""
    p, q = logits.log_softmax(1), attacked.log_softmax(1)
    middle = torch.logaddexp(p, q) - math.log(2)
    return 0.5 * (_divergence(p, middle) + _divergence(q, middle))


def l2(logits: torch.Tensor, attacked: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Euclidean distance of the logits."""
    return torch.linalg.vector_norm(logits - attacked, dim=1).mean()


def ce(logits: torch.Tensor, attacked: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the labels at θ*; the outputs at θ do not matter."""
    return functional.cross_entropy(attacked, labels)


BOUNDARY_LOSSES = {function.__name__: function for function in (kl, reverse_kl, js, l2, ce)}


def _divergence(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    return functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)
