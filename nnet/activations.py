"""The activation functions that a configuration can name."""

from collections.abc import Callable

from nnet import registry
from nnet.checks import ConfigError, unknown

ACTIVATIONS = {
    "relu": ("ReLU", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "leaky_relu": ("LeakyReLU", {"negative_slope": 0.1}),
    "gelu": ("GELU", {}),
    "lrelu": ("LeakyReLU", {"negative_slope": 0.01}),
    "prelu": ("PReLU", {}),
    "rrelu": ("RReLU", {}),
    "elu": ("ELU", {}),
    "selu": ("SELU", {}),
}
"""Name of an activation: the name of its class in `torch.nn`, and the class's arguments."""


def check_activation(name: str, arch: str | None = None) -> None:
    """Raise ConfigError unless `name` is known and, if the file of `arch` restricts `ACTIVATIONS`, among those."""
    if name not in ACTIVATIONS:
        raise unknown("activation", name, ACTIVATIONS)
    allowed = registry.constant("architectures", arch, "ACTIVATIONS") if arch else None
    if allowed is not None and name not in allowed:
        raise ConfigError(f"{arch} cannot have activation {name!r}; choose from {list(allowed)}")


def get_activation(name: str) -> Callable:
    """A function that returns a new activation module. Raises ConfigError for an unknown name."""
    from torch import nn  # here, because the launcher reads the names above and does not import torch

    check_activation(name)
    kind, arguments = ACTIVATIONS[name]
    return lambda: getattr(nn, kind)(**arguments)
