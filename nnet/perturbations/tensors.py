"""Which tensors of a network are perturbed, and how other values take their place for a while."""

from collections.abc import Iterator, Sequence
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
    """The tensors that weight noise perturbs, each once, in the order of `model.modules()`.

    These are the parameters named `weight`, `weight_…` or `…_weight` of every module that is not a normalisation
    layer: linear, convolutional, recurrent and attention layers. Biases are never among them.
    """
    weights = {}
    for module in model.modules():
        if not isinstance(module, NORMALISATION):
            for name, parameter in module.named_parameters(recurse=False):
                if name == "weight" or name.startswith("weight_") or name.endswith("_weight"):
                    weights[id(parameter)] = parameter
    return list(weights.values())


def trainable_tensors(model: nn.Module) -> list[nn.Parameter]:
    """All tensors that training changes, biases and normalisation included."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


@contextmanager
def replaced(parameters: Sequence[nn.Parameter], values: Sequence[torch.Tensor]) -> Iterator[None]:
    """Within the `with` block the parameters use the memory of `values` (same shapes); afterwards their own again.

    Gradients that are computed inside the block stay with the parameters.
    """
    originals = [parameter.data for parameter in parameters]
    try:
        for parameter, value in zip(parameters, values, strict=True):
            parameter.data = value
        yield
    finally:
        for parameter, original in zip(parameters, originals, strict=True):
            parameter.data = original


@contextmanager
def frozen_statistics(model: nn.Module) -> Iterator[None]:
    """Within the `with` block batch normalisation uses the statistics of the batch and does not store them."""
    modules = [module for module in model.modules() if isinstance(module, batchnorm._NormBase)]
    updating = [module for module in modules if module.track_running_stats and module.training]
    try:
        for module in updating:
            module.track_running_stats = False
        yield
    finally:
        for module in updating:
            module.track_running_stats = True
