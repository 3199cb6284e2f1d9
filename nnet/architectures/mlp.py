"""Multi-layer perceptrons on the flattened image with three channels."""

from nnet.architectures.parts.perceptron import perceptron

CHANNELS = 3
DROPOUT = True
EVALUATION_BATCH = 1000
VARIANTS = {
    "mlp_small": {"hidden": (256, 128)},
    "mlp_medium": {"hidden": (512, 256)},
    "mlp_large": {"hidden": (1024, 512, 256)},
}

build = perceptron
