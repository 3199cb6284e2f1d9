"""The convolutional network of the study of adversaries in weight space, for images of one channel.

Büchel, Faber and Muir 2022 (ICLR), repaired: no output depends on the other images of a batch.
"""

from torch import nn

from nnet.architectures.parts import fast
from nnet.architectures.parts.perceptron import dropping
from nnet.architectures.parts.standardize import Standardize
from nnet.checks import ConfigError

CHANNELS = 1
DROPOUT = True
EVALUATION_BATCH = 64
WIDTH, KERNEL, HIDDEN = 64, 4, (256, 64)


def build(image_shape, num_classes, make_activation, dropout=0.0):
    """Standardised pixels, two stages of convolution 4×4 and pooling, linear layers of 256 and 64, the logits.

    The first convolution keeps the size of the image, the second has no padding. The 64 features are brought to mean 0
    and variance 1, image by image, before the logits.
    """
    channels, height, width = image_shape
    sides = [side // 2 - KERNEL + 1 for side in (height, width)]
    if min(sides) < 1:
        raise ConfigError(f"fmnist_cnn needs at least 8×8 pixels; these have {height}×{width}")
    pooling = min(2, *sides)
    size = WIDTH * (sides[0] // pooling) * (sides[1] // pooling)
    layers = [Standardize(channels), nn.ZeroPad2d((2, 1, 2, 1)), nn.Conv2d(channels, WIDTH, KERNEL)]
    layers += [make_activation(), nn.MaxPool2d(2), nn.Conv2d(WIDTH, WIDTH, KERNEL)]
    layers += [make_activation(), nn.MaxPool2d(pooling), nn.Flatten(), *dropping(dropout)]
    for hidden in HIDDEN:
        layers += [nn.Linear(size, hidden), make_activation(), *dropping(dropout)]
        size = hidden
    layers += [nn.LayerNorm(size, elementwise_affine=False), nn.Linear(size, num_classes)]
    return fast.arrange(nn.Sequential(*layers))
