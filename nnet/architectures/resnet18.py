"""ResNet-18 (He et al. 2016, arXiv:1512.03385) as torchvision builds it, untrained."""

import torch
from torch import nn
from torchvision.models import resnet18

from nnet.convolution import Contiguous, Conv2d

CHANNELS = 3
EVALUATION_BATCH = 500
ACTIVATIONS = ("relu",)


def build(image_shape, num_classes, make_activation):
    """torchvision's `resnet18` with `num_classes` outputs; its rectifiers are its own, not `make_activation`.

    The order of memory is the one that is faster on a CPU at 28×28 pixels: B×H×W×C for the first half.
    """
    if image_shape[0] != CHANNELS:
        raise ValueError(f"resnet18 takes images of 1 or {CHANNELS} channels; these have {image_shape[0]}")
    network = resnet18(weights=None, num_classes=num_classes)
    for layer in network.modules():
        if type(layer) is nn.Conv2d:
            layer.__class__ = Conv2d
    for part in (network.conv1, network.layer1, network.layer2):
        part.to(memory_format=torch.channels_last)
    network.layer2.append(Contiguous())
    return network
