"""The noise of programming phase-change memory, as noise on weights in training."""

import torch

from nnet.perturbations import pcm
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random.normals import Draw, Normals


class ProgrammingNoise(WeightNoise):
    """Noise ε = α·(W_P − W), where W_P is what a pair of devices per weight holds after programming (see pcm.py).

    α = 1 is the noise of the devices, so that training and the evaluation `pcm` agree. A draw has two standard normal
    numbers per weight, one for each device.
    """

    def draw(self, stream: Normals) -> None:
        """Take the next standard normal numbers of a stream, tensor by tensor."""
        self.draws = [stream.draw(torch.Size((2, *weight.shape))) for weight in self.weights]

    def _perturb(self, weight: torch.Tensor, draw: Draw, alpha: float, out: torch.Tensor) -> None:
        largest = weight.abs().max()
        adding, subtracting = pcm.programmed(pcm.pairs(weight, largest), draw.numbers())
        torch.lerp(weight, largest * (adding - subtracting), alpha, out=out)
