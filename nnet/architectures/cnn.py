"""A small convolutional network: three convolutions with pooling, one linear layer."""

import torch
from torch import nn

from nnet.convolution import pooled_size, pooled_stages
from nnet.linear import Linear

CHANNELS = 3
EVALUATION_BATCH = 32
WIDTHS = (32, 64, 64)


def build(image_shape, num_classes, make_activation):
    """Three stages of convolution, activation and pooling, then a linear layer to the logits."""
    inputs = WIDTHS[-1] * pooled_size(image_shape, len(WIDTHS))
    stages = pooled_stages(image_shape[0], WIDTHS, make_activation)
    return nn.Sequential(*stages, nn.Flatten(), Linear(inputs, num_classes)).to(memory_format=torch.channels_last)
