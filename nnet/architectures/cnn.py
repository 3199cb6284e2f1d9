"""A small convolutional network: three convolutions with pooling, one linear layer."""

from torch import nn

CHANNELS = 3
WIDTHS = (32, 64, 64)
SMALLEST_IMAGE = 2 ** len(WIDTHS)


def build(image_shape, num_classes, make_activation):
    """Three times [convolution 3×3 with padding 1, activation, max-pooling 2], then a linear layer to the logits."""
    channels, height, width = image_shape
    if min(height, width) < SMALLEST_IMAGE:
        raise ValueError(
            f"cnn halves its images {len(WIDTHS)} times and needs at least {SMALLEST_IMAGE}×{SMALLEST_IMAGE} pixels; "
            f"these have {height}×{width}"
        )
    layers = []
    for size in WIDTHS:
        layers += [nn.Conv2d(channels, size, 3, padding=1), make_activation(), nn.MaxPool2d(2)]
        channels, height, width = size, height // 2, width // 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, num_classes))
