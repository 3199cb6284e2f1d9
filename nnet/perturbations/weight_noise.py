"""Gaussian noise on weights: which tensors are perturbed, one draw, exact restore."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules import batchnorm, normalization

from nnet.perturbations.magnitude import standard_deviation
from nnet.random.normals import Draw, Normals

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


@contextmanager
def replaced(parameters: Sequence[nn.Parameter], others: Sequence[torch.Tensor]) -> Iterator[None]:
    """Within the `with` block the parameters stand for the memory of `others`, of the same shapes; then for their own.

    The gradients that are computed meanwhile stay with the parameters.
    """
    own = [parameter.data for parameter in parameters]
    try:
        for parameter, other in zip(parameters, others, strict=True):
            parameter.data = other
        yield
    finally:
        for parameter, data in zip(parameters, own, strict=True):
            parameter.data = data


def trainable_tensors(model: nn.Module) -> list[nn.Parameter]:
    """All tensors that training changes, biases and normalisation included."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


class WeightNoise:
    """Noise ε on the weights W of one network, of strength α relative to the weights.

    `tensor_std`: ε ~ N(0, (α·std(W))²), with one sample standard deviation per tensor, taken at each use;
    a tensor with a single element has none and is left alone. `magnitude`: ε ~ N(0, (α·|w|)²) element by
    element. A draw is a standard normal number z per weight; ε = α·std(W)·z or α·|w|·z. The memory of the
    perturbed weights is allocated once.
    """

    def __init__(self, model: nn.Module, noise_model: str):
        self.noise_model = noise_model
        self.weights = weight_tensors(model)
        self.perturbed = [torch.empty_like(weight.data) for weight in self.weights]

    def draw(self, stream: Normals) -> None:
        """Take the next standard normal numbers of a stream, tensor by tensor, each in the order of its elements."""
        self.draws = [stream.draw(weight.shape) for weight in self.weights]

    @contextmanager
    def applied(self, alpha: float) -> Iterator[None]:
        """Within the `with` block the weights are W + ε of strength α ≥ 0; afterwards W again, bit for bit.

        W itself is not touched: the parameters stand for other memory meanwhile.
        """
        if alpha == 0:
            yield
            return
        for weight, draw, perturbed in zip(self.weights, self.draws, self.perturbed, strict=True):
            self._perturb(weight.data, draw, alpha, perturbed)
        with replaced(self.weights, self.perturbed):
            yield

    def _perturb(self, weight: torch.Tensor, draw: Draw, alpha: float, out: torch.Tensor) -> None:
        if self.noise_model == "magnitude":
            draw.added_to(weight, 0.0, alpha, out)
        else:
            draw.added_to(weight, alpha * standard_deviation(weight), 0.0, out)
