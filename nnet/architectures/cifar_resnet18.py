"""ResNet-18 (He et al. 2016, arXiv:1512.03385) for photographs of 32×32 pixels."""

from collections import OrderedDict
from dataclasses import dataclass

from torch import nn
from torchvision.models import resnet18

from nnet.architectures.parts import fast_convolution
from nnet.architectures.parts.standardize import Standardize
from nnet.checks import ConfigError, check_fields, setting, switch

CHANNELS = 3
EVALUATION_BATCH = 128
ACTIVATIONS = ("relu",)


@dataclass(frozen=True)
class Options:
    """Options of this network. Raises ConfigError for a wrong value."""

    stem_pool: bool = setting(True, switch)
    """Keep the max-pooling 3×3 of stride 2 after the first convolution, as the study of adaptive noise did: the four
    stages see 16, 8, 4 and 2 pixels a side. Without it, as is usual for such photographs: 32, 16, 8 and 4. Default
    yes."""

    def __post_init__(self):
        check_fields(self)


def build(image_shape, num_classes, make_activation, options):
    """Standardised pixels, then torchvision's `resnet18` with a first convolution 3×3 of stride 1."""
    if image_shape[0] != CHANNELS:
        raise ConfigError(f"cifar_resnet18 takes images of 1 or {CHANNELS} channels; these have {image_shape[0]}")
    network = resnet18(weights=None, num_classes=num_classes)
    network.conv1 = nn.Conv2d(CHANNELS, 64, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(network.conv1.weight, mode="fan_out", nonlinearity="relu")
    if not options.stem_pool:
        network.maxpool = nn.Identity()
    layers = OrderedDict(standardize=Standardize(CHANNELS), network=fast_convolution.arrange_resnet(network))
    return nn.Sequential(layers)
