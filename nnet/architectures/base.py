"""From the name of an architecture to a network."""

from torch import nn

from nnet import registry
from nnet.activations import check_activation, get_activation
from nnet.checks import ConfigError
from nnet.datasets.base import INPUTS

ARCH_NAMES = tuple(registry.names("architectures"))


def build_model(
    arch: str,
    activation: str = "relu",
    image_shape: tuple[int, ...] = (3, 28, 28),
    num_classes: int = 10,
    dropout: float = 0.0,
    **options,
) -> nn.Module:
    """A new network with PyTorch's default initialisation, drawn from the process-wide generator.

    It maps float32 pixels B×C×H×W in [0, 1], (C, H, W) = `image_shape`, to logits B×`num_classes`; a network whose file
    states `INPUT = "sequences"` maps float32 B×T×C, (T, C) = `image_shape`. Raises ConfigError for an unknown
    architecture, activation or option, for an activation or dropout that the architecture does not have, and for an
    image shape that it cannot take.
    """
    registry.require("architectures", arch, "architecture")
    registry.check_options(options, "architectures", arch)
    check_activation(activation, arch)
    kind = registry.constant("architectures", arch, "INPUT", "images")
    if len(image_shape) != INPUTS.get(kind):
        raise ConfigError(f"{arch} takes {kind}, whose shape is not {tuple(image_shape)}")
    plug_in = registry.load("architectures", arch)
    arguments = getattr(plug_in, "VARIANTS", {}).get(arch, {}) | registry.make_options("architectures", arch, options)
    if dropout > 0:
        if not registry.constant("architectures", arch, "DROPOUT", False):
            raise ConfigError(f"{arch} has no dropout")
        arguments |= {"dropout": dropout}
    return plug_in.build(image_shape, num_classes, get_activation(activation), **arguments)
