"""A small convolutional network: three convolutions with pooling, one linear layer."""

import torch
from torch import nn

from nnet.activations import is_monotone
from nnet.linear import Linear

CHANNELS = 3
EVALUATION_BATCH = 32
WIDTHS = (32, 64, 64)
SMALLEST_IMAGE = 2 ** len(WIDTHS)


def build(image_shape, num_classes, make_activation):
    """Three times [convolution 3×3 with padding 1, activation, max-pooling 2], then a linear layer to the logits.

    A monotone activation comes after the pooling instead: the same function on a quarter of the numbers.
    """
    channels, height, width = image_shape
    if min(height, width) < SMALLEST_IMAGE:
        raise ValueError(
            f"cnn halves its images {len(WIDTHS)} times and needs at least {SMALLEST_IMAGE}×{SMALLEST_IMAGE} pixels; "
            f"these have {height}×{width}"
        )
    layers = []
    for size in WIDTHS:
        activation = make_activation()
        after = [nn.MaxPool2d(2), activation] if is_monotone(activation) else [activation, nn.MaxPool2d(2)]
        layers += [nn.Conv2d(channels, size, 3, padding=1), *after]
        channels, height, width = size, height // 2, width // 2
    network = nn.Sequential(*layers, nn.Flatten(), Linear(channels * height * width, num_classes))
    return network.to(memory_format=torch.channels_last)
