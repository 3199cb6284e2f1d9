"""Convolutional networks on images of one channel, for the study of pixel corruption."""

from torch import nn

from nnet.architectures.parts import fast
from nnet.architectures.parts.stages import convolutional

CHANNELS = 1
DROPOUT = True
EVALUATION_BATCH = 64
VARIANTS = {"pixel_cnn": {"widths": (32, 64)}, "pixel_cnn_large": {"widths": (32, 64, 128)}}
HIDDEN = (128,)


def build(image_shape, num_classes, make_activation, widths, dropout=0.0):
    """A stage of convolution, activation and pooling for each of `widths`, a linear layer of 128, then the logits."""
    layers = convolutional(image_shape, num_classes, make_activation, widths, HIDDEN, dropout)
    return fast.arrange(nn.Sequential(*layers))
