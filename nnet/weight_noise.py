"""Gaussian noise on weights: which tensors are perturbed, one draw, exact restore."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules import batchnorm, normalization

NORMALISATION = (
    batchnorm._NormBase,
    normalization.LayerNorm,
    normalization.GroupNorm,
    normalization.RMSNorm,
)


def weight_tensors(model: nn.Module) -> list[nn.Parameter]:
    """The tensors that weight noise touches, each once, in the order of `model.modules()`.

    Of every module that is not a normalisation layer: the parameter named `weight`. Never a bias.
    """
    found = {}
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and not isinstance(module, NORMALISATION):
            found[id(weight)] = weight
    return list(found.values())


class WeightNoise:
    """Noise ε on the weights W of one network, of strength α relative to the weights.

    `tensor_std`: ε ~ N(0, (α·std(W))²), with one sample standard deviation per tensor, taken at each use;
    a tensor with a single element has none and is left alone. `magnitude`: ε ~ N(0, (α·|w|)²) element by
    element. A draw is a standard normal number z per weight; ε = α·std(W)·z or α·|w|·z. The buffers for z
    and for the saved weights are allocated once.
    """

    def __init__(self, model: nn.Module, noise_model: str):
        self.noise_model = noise_model
        self.weights = weight_tensors(model)
        self.saved = [torch.empty_like(weight) for weight in self.weights]
        self.normals = [torch.empty_like(weight) for weight in self.weights]

    def draw(self, generator: torch.Generator) -> None:
        """Fill the buffers with fresh standard normal numbers, tensor by tensor."""
        for normal in self.normals:
            normal.normal_(generator=generator)

    @contextmanager
    def applied(self, alpha: float) -> Iterator[None]:
        """Within the `with` block the weights are W + ε of strength α ≥ 0; afterwards W again, bit for bit."""
        if alpha == 0:
            yield
            return
        self._copy(self.weights, self.saved)
        try:
            with torch.no_grad():
                for weight, normal in zip(self.weights, self.normals, strict=True):
                    weight.addcmul_(normal, self._scale(weight) * alpha)
            yield
        finally:
            self._copy(self.saved, self.weights)

    @staticmethod
    @torch.no_grad()
    def _copy(sources: list[torch.Tensor], targets: list[torch.Tensor]) -> None:
        for source, target in zip(sources, targets, strict=True):
            target.copy_(source)

    def _scale(self, weight: torch.Tensor) -> torch.Tensor:
        if self.noise_model == "magnitude":
            return weight.abs()
        return weight.std(correction=min(1, weight.numel() - 1))
