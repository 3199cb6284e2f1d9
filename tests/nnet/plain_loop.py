"""A network under weight noise, by plain means: one strength and one draw at a time, on a copy of the weights."""

import copy
import hashlib
from collections.abc import Sequence
from statistics import fmean

import torch
from torch import nn
from torch.nn import functional

from nnet.random.normals import Normals


def stream(seed: int, draw: int) -> Normals:
    digest = hashlib.sha256(f"{seed}/sweep/{draw}".encode()).digest()
    return Normals(int.from_bytes(digest[:8], "big") // 2)


@torch.no_grad()
def sweep(
    model: nn.Module, weights: Sequence[str], x: torch.Tensor, y: torch.Tensor, alphas, draws: int, seed: int = 0
) -> dict[float, tuple[float, float]]:
    """α → (accuracy, loss), means over the draws, with noise relative to the standard deviation of each tensor.

    `weights`: the names of the tensors that get noise, in the order in which they are drawn.
    """
    result = {}
    for alpha in alphas:
        values = []
        for draw in range(draws if alpha > 0 else 1):
            noisy, normals = copy.deepcopy(model).eval(), stream(seed, draw)
            for name in weights:
                weight = noisy.get_parameter(name)
                weight += alpha * weight.std() * normals.draw(weight.shape).numbers()
            logits = noisy(x)
            values.append(((logits.argmax(1) == y).double().mean().item(), functional.cross_entropy(logits, y).item()))
        result[alpha] = (fmean(value[0] for value in values), fmean(value[1] for value in values))
    return result


def weights_by_hand(model: nn.Module) -> list[str]:
    """Names of matrices and kernels, in the order of the layers; none of a class token or positional embedding."""
    spared = ("class_token", "encoder.pos_embedding")
    return [name for name, tensor in model.named_parameters() if tensor.dim() >= 2 and name not in spared]
