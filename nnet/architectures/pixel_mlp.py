"""Multi-layer perceptrons on the flattened image with one channel, for the study of pixel corruption."""

from nnet.architectures.parts.perceptron import perceptron

CHANNELS = 1
DROPOUT = True
EVALUATION_BATCH = 1000
VARIANTS = {
    "pixel_mlp": {"hidden": (256, 128)},
    "pixel_mlp_large": {"hidden": (1024, 512, 256)},
}

build = perceptron
