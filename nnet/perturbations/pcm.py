"""Weights in phase-change memory: programming noise, drift of conductances, read noise and its compensation.

Device model: Joshi et al. 2020, "Accurate deep neural network inference using computational phase-change memory"
(Nature Communications 11, 2473), and Nandakumar et al. 2019, "Phase-change memory models for deep learning training and
inference" (ICECS), fitted to measurements of IBM's devices. Its numbers are those that IBM's Analog Hardware
Acceleration Kit documents, and Büchel, Faber and Muir 2022 (ICLR) use.

A conductance g is relative to the largest one, 25 µS. Times are in seconds since programming.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn

from nnet.perturbations.magnitude import clipped
from nnet.random.normals import Normals

LARGEST_CONDUCTANCE = 25.0
"""µS: the conductance of the largest weight of a tensor, for which the device model was fitted."""
FIRST_READ = 25.0
"""t_c, seconds: the conductances as programmed are those at this time, from which on they drift."""
READ_PULSE = 250e-9
"""Seconds: the width of the pulse that reads a device."""


class PhaseChangeMemory:
    """The weights of one network on pairs of devices, one that adds to a weight and one that subtracts from it.

    Each weight tensor is clipped to ±`clip` standard deviations (not at all with None) and scaled so that its largest
    magnitude becomes 25 µS. Of the two devices of a weight one is programmed to its magnitude, the other to 0.
    With `compensated` each tensor, when it is read, is multiplied by mean|W| as programmed over mean|W| as read: global
    drift compensation, one factor for all weights of a layer.
    """

    def __init__(self, weights: Sequence[nn.Parameter], clip: float | None, compensated: bool):
        self.compensated = compensated
        held = [weight.data if clip is None else clipped(weight.data, clip) for weight in weights]
        self.largest = [weight.abs().max() for weight in held]
        self.targets = [pairs(weight, largest) for weight, largest in zip(held, self.largest, strict=True)]

    def program(self, stream: Normals) -> None:
        """Program all devices, with the next normal numbers of a stream: for programming, drift and reading."""
        self.programmed, self.exponents, self.readings = [], [], []
        for target in self.targets:
            noises = [stream.draw(target.shape) for _ in range(3)]
            self.programmed.append(programmed(target, noises[0].numbers()))
            self.exponents.append(drift_exponents(target, noises[1].numbers()))
            self.readings.append(noises[2])

    def read(self, seconds: float) -> list[torch.Tensor]:
        """The weights at this time since programming, ≥ 25 s, tensor by tensor.

        The normal numbers of the read noise are the same at all times, as those of programming are.
        """
        columns = (self.targets, self.largest, self.programmed, self.exponents, self.readings)
        weights = []
        for target, largest, start, exponents, reading in zip(*columns, strict=True):
            conductances = read(drifted(start, exponents, seconds), target, reading.numbers(), seconds)
            weight = largest * (conductances[0] - conductances[1])
            if self.compensated:
                mean = weight.abs().mean()
                at_first = largest * (start[0] - start[1]).abs().mean()
                weight = weight * torch.where(mean > 0, at_first / mean, 1.0)
            weights.append(weight)
        return weights


def pairs(weight: torch.Tensor, largest: torch.Tensor) -> torch.Tensor:
    """The target conductances g_T of a weight tensor, 2×its shape: of the devices that add and of those that subtract.

    `largest`: max|w|; where it is 0, all targets are 0.
    """
    relative = weight / torch.where(largest > 0, largest, 1.0)
    return torch.stack([relative, -relative]).clamp_(min=0)


def programmed(target: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """g_P = g_T + σ·z, never negative, with σ = max(−1.1731 g_T² + 1.9650 g_T + 0.2635, 0) in µS."""
    sigma = (-1.1731 * target**2 + 1.9650 * target + 0.2635).clamp_(min=0) / LARGEST_CONDUCTANCE
    return (target + sigma * z).clamp_(min=0)


def drift_exponents(target: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """ν = |μ + σ·z|, larger and more variable for small conductances.

    μ = −0.0155 ln g_T + 0.0244, but at least 0.049 and at most 0.1; σ = −0.0125 ln g_T − 0.0059, but at least 0.008 and
    at most 0.045. A device that is programmed to 0 has the largest of both.
    """
    log = target.log()
    mean = (-0.0155 * log + 0.0244).clamp_(0.049, 0.1)
    return (mean + (-0.0125 * log - 0.0059).clamp_(0.008, 0.045) * z).abs_()


def drifted(start: torch.Tensor, exponents: torch.Tensor, seconds: float) -> torch.Tensor:
    """g_D = g_P·(t/t_c)^−ν."""
    return start * (seconds / FIRST_READ) ** -exponents


def read(conductance: torch.Tensor, target: torch.Tensor, z: torch.Tensor, seconds: float) -> torch.Tensor:
    """g_D + σ·z, never negative: 1/f noise from the lowest frequency, 1/t, to the highest, that of two read pulses.

    σ = g_D·Q·√ln((t + t_r)/(2 t_r)), with Q = min(0.0088/g_T^0.65, 0.2) and the read pulse t_r.
    """
    strength = (0.0088 / target**0.65).clamp_(max=0.2)
    spread = math.sqrt(math.log((seconds + READ_PULSE) / (2 * READ_PULSE)))
    return (conductance * (1 + strength * spread * z)).clamp_(min=0)
