"""Noise of one standard deviation on whole tensors, Gaussian or uniform."""

import math

import torch

from nnet.random import streams


class TensorNoise:
    """The noise of one epoch, tensor after tensor, from the stream (seed, purpose, epoch)."""

    def __init__(self, distribution: str, seed: int, purpose: str, epoch: int, device: torch.device):
        """`distribution`: gaussian, or uniform on ±√3 standard deviations."""
        self.gaussian = distribution == "gaussian"
        if self.gaussian:
            self.normals = streams.normals(seed, purpose, epoch, device)
        else:
            self.generator = streams.generator(seed, purpose, epoch, device)

    def add(self, tensor: torch.Tensor, std: float | torch.Tensor, out: torch.Tensor) -> None:
        """Write `tensor` + noise of standard deviation `std` to `out`, which may be `tensor` itself."""
        if self.gaussian:
            self.normals.draw(tensor.shape).added_to(tensor, std, 0.0, out)
            return
        uniform = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        uniform.uniform_(-math.sqrt(3), math.sqrt(3), generator=self.generator)
        torch.add(tensor, uniform.mul_(std), out=out)
