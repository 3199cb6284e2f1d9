"""Which tensors of a network are perturbed, and how other values take their place for a while."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase

import torch
from torch import nn
from torch.nn.modules import batchnorm, normalization

from nnet.checks import ConfigError

NORMALISATION = (
    batchnorm._NormBase,
    normalization.LayerNorm,
    normalization.GroupNorm,
    normalization.RMSNorm,
)
MOST_SPARED = 0.1
"""The largest share of a network's numbers that weight noise may spare unless the network's author says so."""
MOST_NAMED = 5
"""Names in the message about them."""


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


def spared_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of two or more dimensions in the network's state that weight noise spares, by their names.

    Parameters such as a class token, a positional embedding or trained masks, and buffers with more than one dimension
    above 1, such as fixed masks. What normalisation layers hold, and tensors that are no floating-point numbers, are
    not among them.
    """
    noised = {id(weight) for weight in weight_tensors(model)}
    normalising = [module for module in model.modules() if isinstance(module, NORMALISATION)]
    known = noised | {id(parameter) for module in normalising for parameter in module.parameters(recurse=False)}
    return {name: tensor for name, tensor in _numbers(model).items() if id(tensor) not in known and _is_array(tensor)}


def check_noised(model: nn.Module, accepted: Sequence[str] = ()) -> list[str]:
    """The names of the tensors that weight noise spares (`spared_tensors`).

    `accepted`: patterns of names, such as `*.noise`, which are spared on purpose. Raises ConfigError, in one sentence,
    if the network has no weights, or if the others hold more than a tenth of its numbers: such a network would look
    robust because the noise leaves most of it as it is. Also for parameters that are no floating-point numbers,
    and for those of lazy layers.
    """
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter):
            raise ConfigError(f"give the layer of {name} its size: lazy layers have no weights before their first use")
        if not parameter.is_floating_point():
            raise ConfigError(f"weight noise needs floating-point numbers; the parameter {name} has {parameter.dtype}")
    if not weight_tensors(model):
        raise ConfigError("weight noise would change nothing: the network has no parameters that are called weight")
    spared = spared_tensors(model)
    others = {
        name: tensor.numel()
        for name, tensor in spared.items()
        if not any(fnmatchcase(name, pattern) for pattern in accepted)
    }
    share = sum(others.values()) / sum(tensor.numel() for tensor in _numbers(model).values())
    if share > MOST_SPARED:
        largest = sorted(others, key=lambda name: -others[name])
        named = ", ".join(largest[:MOST_NAMED]) + (" and others" if len(largest) > MOST_NAMED else "")
        raise ConfigError(
            f"weight noise would spare {share:.0%} of the network's numbers, which are not called weight: {named}; "
            "rename them, or list them in NOT_NOISED in the architecture's file (not_noised of evaluate_model)"
        )
    return list(spared)


def _numbers(model: nn.Module) -> dict[str, torch.Tensor]:
    """The floating-point tensors of the network's state by name, each once."""
    state = {id(tensor): (name, tensor) for name, tensor in reversed(model.state_dict(keep_vars=True).items())}
    return {name: tensor for name, tensor in reversed(state.values()) if tensor.is_floating_point()}


def _is_array(tensor: torch.Tensor) -> bool:
    """Whether a parameter has two or more dimensions, or a buffer two or more above 1 (a mean per channel has one)."""
    return tensor.dim() >= 2 if isinstance(tensor, nn.Parameter) else tensor.squeeze().dim() >= 2


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
def differentiable(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Within the `with` block there are gradients with respect to all of these parameters, frozen ones too."""
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


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
