"""Any classification network of torchvision, by name, with its own input size and standardisation.

With `initial_weights` it has the published weights, or the user's; without them it starts from torchvision's
initialisation. The names of its tensors are torchvision's.
"""

import difflib
import re
from dataclasses import dataclass

import torch
from torch import nn
from torchvision import models
from torchvision.transforms.v2 import functional as transforms

from nnet.checks import ConfigError, check_fields, optional, setting, text, whole

CHANNELS = 3
EVALUATION_BATCH = 32
ACTIVATIONS = ("relu",)
"""The one value that the setting `activation` can have: each network has the activations of its authors."""
RESIZES = True
"""It changes the size of images itself, so that a campaign should not: see `image_size`."""
AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}
"""Networks with further outputs in training, which are left out here, and how the names of their tensors begin."""
OF_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.(\d\.)")
"""A name in the published files of densenet…, where `norm1` is called `norm.1`."""


@dataclass(frozen=True)
class Options:
    """Options of this network. Raises ConfigError for a wrong value, and for a name that torchvision lacks."""

    name: str = setting("mobilenet_v3_small", text)
    """torchvision's name of the network, such as resnet50, vit_b_16, convnext_tiny or efficientnet_b0. Default
    mobilenet_v3_small."""
    input_size: int | None = setting(None, optional(whole(1)))
    """Height and width in pixels to which the network resizes its images; None takes the size of its published weights,
    such as 224. Default None."""

    def __post_init__(self):
        check_fields(self)
        known = models.list_models(module=models)
        if self.name not in known:
            nearest = difflib.get_close_matches(self.name, known, 5, 0.4) or ["resnet18", "resnet50", "vit_b_16"]
            raise ConfigError(
                f"torchvision has no classification network {self.name!r}; the nearest names are {', '.join(nearest)}"
            )


class Preparation:
    """What happens to images before the first layer: resizing to size×size pixels, and standardisation."""

    def __init__(self, size: int, mean: list[float], std: list[float]):
        self.size, self.mean, self.std = size, mean, std

    def __call__(self, network: nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        """Pixels B×3×H×W in [0, 1], with any H and W, to B×3×size×size."""
        (images,) = inputs
        if images.shape[2:] != (self.size, self.size):
            images = transforms.resize(images, [self.size, self.size], antialias=True)
        mean, std = (images.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        return ((images - mean) / std,)


def build(image_shape, num_classes, make_activation, options):
    """torchvision's network with `num_classes` outputs, behind a `Preparation`; `make_activation` is ignored."""
    if image_shape[0] != CHANNELS:
        raise ConfigError(f"torchvision_model takes images of 1 or {CHANNELS} channels; these have {image_shape[0]}")
    usual = models.get_model_weights(options.name).DEFAULT.transforms()
    size = options.input_size or usual.crop_size[0]
    try:
        network = _network(options.name, size, num_classes)
        network.register_forward_pre_hook(Preparation(size, list(usual.mean), list(usual.std)))
        if options.input_size is not None:
            _try(network)
    except (AssertionError, ValueError, RuntimeError) as error:  # a wrong size, in torchvision's words
        reason = " ".join(str(error).split())
        raise ConfigError(f"{options.name} cannot have an input_size of {size} pixels: {reason}") from error
    return network


def published(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a file of weights under the names of the network here, without those of outputs in training."""
    auxiliary = tuple(beginning for beginnings in AUXILIARY.values() for beginning in beginnings)
    return {OF_DENSENET.sub(r"\1\2", name): state[name] for name in state if not name.startswith(auxiliary)}


def _network(name: str, size: int, num_classes: int) -> nn.Module:
    more: dict = {}
    if name in AUXILIARY:  # their published weights want the pixels of another program, which they compute themselves
        more = {"aux_logits": False, "init_weights": False, "transform_input": True}
    elif name.startswith("vit_"):
        more = {"image_size": size}
    elif name.startswith("maxvit_"):
        more = {"input_size": (size, size)}
    return models.get_model(name, weights=None, num_classes=num_classes, **more)


@torch.no_grad()
def _try(network: nn.Module) -> None:
    """Raise what the network raises for images of its input size."""
    network.eval()(torch.zeros(1, CHANNELS, 8, 8))
    network.train()
