"""A small convolutional network: three convolutions with pooling, one linear layer."""

from torch import nn

from nnet.architectures.parts import fast
from nnet.architectures.parts.stages import convolutional

CHANNELS = 3
DROPOUT = True
EVALUATION_BATCH = 32
WIDTHS = (32, 64, 64)


def build(image_shape, num_classes, make_activation, dropout=0.0):
    """Three stages of convolution, activation and pooling, then a linear layer to the logits."""
    layers = convolutional(image_shape, num_classes, make_activation, WIDTHS, dropout=dropout)
    return fast.arrange(nn.Sequential(*layers))
