"""ResNet-18 (He et al. 2016, arXiv:1512.03385) as torchvision builds it, untrained."""

from torchvision.models import resnet18

from nnet.architectures.parts import fast_convolution
from nnet.checks import ConfigError

CHANNELS = 3
EVALUATION_BATCH = 500
ACTIVATIONS = ("relu",)


def build(image_shape, num_classes, make_activation):
    """torchvision's `resnet18` with `num_classes` outputs; its activations are ReLU; `make_activation` is ignored."""
    if image_shape[0] != CHANNELS:
        raise ConfigError(f"resnet18 takes images of 1 or {CHANNELS} channels; these have {image_shape[0]}")
    return fast_convolution.arrange_resnet(resnet18(weights=None, num_classes=num_classes))
