"""The activation functions that a configuration can name."""

from collections.abc import Callable

from nnet import checks, registry

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


def check_activation(name: str, arch: str | None = None) -> None:
    """Raise ValueError unless `name` is known and, for an `arch` whose file restricts `ACTIVATIONS`, among those."""
    checks.choice("activation", name, ACTIVATIONS)
    allowed = registry.constant("architectures", arch, "ACTIVATIONS") if arch else None
    if allowed is not None and name not in allowed:
        raise ValueError(f"{arch} cannot have activation {name!r}; it has {list(allowed)} only")


def get_activation(name: str) -> Callable:
    """A function that makes a new activation module; leaky_relu has slope 0.1, lrelu 0.01, prelu one that is learnt.

    Raises ValueError for unknown names.
    """
    from torch import nn  # here, because the launcher reads the names above and does not import torch

    check_activation(name)
    kind, arguments = ACTIVATIONS[name]
    return lambda: getattr(nn, kind)(**arguments)
