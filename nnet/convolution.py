"""Convolutions that are fast where images have become small: the same function as `nn.Conv2d`, up to rounding."""

import torch
from torch import nn

from nnet.linear import linear


class Conv2d(nn.Conv2d):
    """`nn.Conv2d`; where a single pixel comes out, the product of the image and the weights that lie on it.

    The other weights lie on the padding. A ResNet-18 on 28×28 pixels ends with 3×3 kernels on single pixels, where
    eight of nine weights do nothing and the backward pass of PyTorch takes ten times as long as it must.
    For zero padding, without dilation and groups.
    """

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """B×in_channels×H×W to B×out_channels×H'×W'."""
        places = zip(images.shape[2:], self.kernel_size, self.padding, self.stride, strict=True)
        if any((size + 2 * padding - kernel) // stride > 0 for size, kernel, padding, stride in places):
            return super().forward(images)
        (top, left), (height, width) = self.padding, images.shape[2:]
        weight = self.weight[:, :, top : top + height, left : left + width]
        images = images[:, :, : weight.shape[2], : weight.shape[3]]
        return linear(images.flatten(1), weight.flatten(1), self.bias)[:, :, None, None]


class Contiguous(nn.Module):
    """Brings images into the order of memory B×C×H×W, which suits small images with many channels better."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """The same numbers."""
        return images.contiguous()
