"""Convolutional networks on images of one channel, for the study of pixel corruption."""

import torch
from torch import nn

from nnet.convolution import pooled_size, pooled_stages
from nnet.linear import Linear

CHANNELS = 1
EVALUATION_BATCH = 64
VARIANTS = {"pixel_cnn": {"widths": (32, 64)}, "pixel_cnn_large": {"widths": (32, 64, 128)}}
HIDDEN = 128


def build(image_shape, num_classes, make_activation, widths):
    """A stage of convolution, activation and pooling for each of `widths`, a linear layer of 128, then the logits."""
    inputs = widths[-1] * pooled_size(image_shape, len(widths))
    stages = pooled_stages(image_shape[0], widths, make_activation)
    head = [nn.Flatten(), Linear(inputs, HIDDEN), make_activation(), Linear(HIDDEN, num_classes)]
    return nn.Sequential(*stages, *head).to(memory_format=torch.channels_last)
