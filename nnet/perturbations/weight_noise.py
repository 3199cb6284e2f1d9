"""Gaussian noise on weights: one draw at a time, with the exact weights back afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from nnet.perturbations.magnitude import largest_magnitude, standard_deviation
from nnet.perturbations.tensors import replaced, weight_tensors
from nnet.random.normals import Draw, Normals

SIZES = {"tensor_std": standard_deviation, "range": largest_magnitude}
"""What α is relative to in the noise models whose noise is equally large for all weights of a tensor."""


class WeightNoise:
    """Noise ε on the weights W of one network, of strength α relative to the weights.

    `tensor_std`: ε ~ N(0, (α·std(W))²), where std is the sample standard deviation of the tensor, computed at each use;
    a tensor with a single element has no std and stays as it is. `range`: ε ~ N(0, (α·max|w|)²), with the largest
    magnitude of the tensor at each use. `magnitude`: ε ~ N(0, (α·|w|)²) element by element. A draw is a standard normal
    number z per weight; ε = α·std(W)·z, α·max|w|·z or α·|w|·z. The memory for the perturbed weights is allocated once.
    """

    def __init__(self, model: nn.Module, noise_model: str):
        self.noise_model = noise_model
        self.weights = weight_tensors(model)
        self.perturbed = [torch.empty_like(weight.data) for weight in self.weights]

    def draw(self, stream: Normals) -> None:
        """Take the next standard normal numbers of a stream, tensor by tensor, in the order of the elements."""
        self.draws = [stream.draw(weight.shape) for weight in self.weights]

    @contextmanager
    def applied(self, alpha: float, only: int | None = None) -> Iterator[None]:
        """Within the `with` block the weights are W + ε of strength α ≥ 0; afterwards W again, bit for bit.

        The memory of W is not written: inside the block the parameters use other memory. With `only`, an index of
        `weights`, all other tensors stay exact.
        """
        if alpha == 0:
            yield
            return
        chosen = slice(None) if only is None else slice(only, only + 1)
        weights, perturbed = self.weights[chosen], self.perturbed[chosen]
        for weight, draw, out in zip(weights, self.draws[chosen], perturbed, strict=True):
            self._perturb(weight.data, draw, alpha, out)
        with replaced(weights, perturbed):
            yield

    def _perturb(self, weight: torch.Tensor, draw: Draw, alpha: float, out: torch.Tensor) -> None:
        if self.noise_model == "magnitude":
            draw.added_to(weight, 0.0, alpha, out)
        else:
            draw.added_to(weight, alpha * SIZES[self.noise_model](weight), 0.0, out)
