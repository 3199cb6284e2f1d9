"""PyTorch's own recurrent networks, read out by the mean of their outputs over time: baselines for sequences.

GRU: Cho et al. 2014 (arXiv:1406.1078); LSTM: Hochreiter and Schmidhuber 1997 (doi:10.1162/neco.1997.9.8.1735).
"""

from dataclasses import dataclass

import torch
from torch import nn

from nnet.architectures.parts.standardize import Standardize
from nnet.checks import check_fields, setting, whole

INPUT = "sequences"
DROPOUT = True
EVALUATION_BATCH = 100
ACTIVATIONS = ("relu",)
"""The one value that the setting `activation` can have: the units have their own functions."""
VARIANTS = {"gru": {"kind": "GRU"}, "lstm": {"kind": "LSTM"}}


@dataclass(frozen=True)
class Options:
    """Options of the layers. Raises ConfigError for a wrong value."""

    units: int = setting(128, whole(1))
    """Units of a layer, at least 1. Default 128."""
    layers: int = setting(1, whole(1))
    """Recurrent layers, one above the other, at least 1. Default 1."""

    def __post_init__(self):
        check_fields(self)


class Recurrent(nn.Module):
    """Standardised sequences B×T×C, recurrent layers, the mean over time, dropout, the logits."""

    def __init__(self, channels: int, num_classes: int, options: Options, kind: str, dropout: float):
        super().__init__()
        self.standardize = Standardize(channels, sequences=True)
        self.layers = getattr(nn, kind)(channels, options.units, options.layers, batch_first=True)
        self.dropout = nn.Dropout(dropout)  # of the mean: one mask for all time steps
        self.readout = nn.Linear(options.units, num_classes)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """float32 B×T×C to logits B×classes; the states start at 0 in every call."""
        outputs, _ = self.layers(self.standardize(sequences))
        return self.readout(self.dropout(outputs.mean(1)))


def build(image_shape, num_classes, make_activation, options, kind, dropout=0.0):
    """The network for sequences of shape (T, C) = `image_shape`, of any length T; `make_activation` is ignored."""
    return Recurrent(image_shape[1], num_classes, options, kind, dropout)
