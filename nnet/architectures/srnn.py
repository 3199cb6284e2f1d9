"""A spiking recurrent network: one layer of adaptive integrate-and-fire units, read out by their spike rates.

Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial regularization" (ICLR), after
Bellec et al. 2018 (arXiv:1803.09574). Unlike the published program, dropout draws a mask for each sample, not one for
the whole batch, and divides what is left by 1 − dropout.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn

from nnet.architectures.parts import spiking
from nnet.checks import between, check_fields, number, positive, setting, whole

INPUT = "sequences"
DROPOUT = True
EVALUATION_BATCH = 100
ACTIVATIONS = ("relu",)
"""The one value that the setting `activation` can have: units spike."""
TRUNCATED_STD = 0.87962566
"""Standard deviation of N(0, 1) truncated to ±2."""


@dataclass(frozen=True)
class Options:
    """Options of the units and of the rate penalty; times are in time steps. Raises ConfigError for a wrong value."""

    units: int = setting(256, whole(1))
    """Spiking units, at least 1. Default 256."""
    tau: float = setting(20.0, positive)
    """τ, the time constant of the membrane potential, in time steps, > 0. Default 20."""
    tau_adaptation: float = setting(98.0, positive)
    """τ_adaptation, the time constant of the adaptation of thresholds, in time steps, > 0. Default 98."""
    threshold: float = setting(0.01, positive)
    """Threshold without adaptation, in units of the membrane potential, > 0. Default 0.01."""
    beta: float = setting(2.0, number)
    """What a spike in every step would add to the threshold in the long run, ≥ 0. Default 2."""
    refractory: int = setting(2, whole(1))
    """Least time steps from one spike of a unit to its next, at least 1: with 2 exactly one silent step follows a
    spike. Default 2."""
    dampening: float = setting(0.3, number)
    """Height of the surrogate derivative of a spike, ≥ 0. Default 0.3."""
    rate_penalty: float = setting(0.001, number)
    """Weight in the loss of Σ (rate − target_rate)² over the samples of a batch and the units, ≥ 0. Default 0.001."""
    target_rate: float = setting(0.01, between(0, 1))
    """Spikes per time step of a unit at which there is no penalty, 0 to 1. Default 0.01."""

    def __post_init__(self):
        check_fields(self)


class SpikingNetwork(nn.Module):
    """B×T×C to logits: (mean spikes over time) W_out + b_out. Input, recurrent and readout weights may be perturbed.

    The diagonal of `weight_rec` never has an effect, and `constrain` sets it to 0. Thresholds and time constants are
    buffers.
    """

    def __init__(self, channels: int, num_classes: int, options: Options, dropout: float):
        super().__init__()
        self.options, units = options, options.units
        self.weight_in = nn.Parameter(_truncated_normal(channels, units) * math.sqrt(2 / (channels + units)))
        self.weight_rec = nn.Parameter((_truncated_normal(units, units) / math.sqrt(units)).fill_diagonal_(0))
        self.dropout = nn.Dropout(dropout)
        self.readout = nn.Linear(units, num_classes)
        self.readout.weight.data = _truncated_normal(num_classes, units) * (0.01 * TRUNCATED_STD)
        nn.init.zeros_(self.readout.bias)
        decays = [math.exp(-1 / options.tau), math.exp(-1 / options.tau_adaptation)]
        for name, value in zip(spiking.Constants._fields, [*decays, *_rest(options)], strict=True):
            self.register_buffer(name, torch.tensor(float(value)))
        self.rates: torch.Tensor | None = None

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """float32 B×T×C to logits B×classes."""
        currents = (sequences @ self.weight_in).to(self.weight_rec.dtype)
        scale = self.dropout(currents.new_ones(len(currents), self.options.units))
        constants = spiking.Constants(*(getattr(self, name).item() for name in spiking.Constants._fields))
        rates = spiking.spike_rates(currents, self.weight_rec, scale, constants)
        self.rates = rates if self.training else None
        return self.readout(rates * scale)

    def penalty(self) -> torch.Tensor:
        """rate_penalty·Σ (r − target_rate)² over samples and units, of the rates r of the last pass in training."""
        assert self.rates is not None, "the loss is computed after a forward pass"
        return self.options.rate_penalty * (self.rates - self.options.target_rate).square().sum()

    @torch.no_grad()
    def constrain(self) -> None:
        """Set the diagonal of `weight_rec` to 0, after each update."""
        self.weight_rec.fill_diagonal_(0)

    def __getstate__(self):
        """Without the rates, which belong to a graph: a copy of the network is made of its weights."""
        return self.__dict__ | {"rates": None}


def build(image_shape, num_classes, make_activation, options, dropout=0.0):
    """The network for sequences of shape (T, C) = `image_shape`, of any length T; `make_activation` is ignored."""
    return SpikingNetwork(image_shape[1], num_classes, options, dropout)


def _rest(options: Options) -> list[float]:
    return [options.threshold, options.beta, options.refractory, options.dampening]


def _truncated_normal(rows: int, columns: int) -> torch.Tensor:
    """Normal numbers truncated to ±2 and divided by their standard deviation, rows×columns."""
    return nn.init.trunc_normal_(torch.empty(rows, columns), a=-2.0, b=2.0) / TRUNCATED_STD
