"""What is done to images: resizing, statistics, augmentation, and the way from bytes to the network's input."""

import numpy as np
import torch
from torch.nn import functional
from torchvision.transforms.v2 import functional as transforms

PADDING = 4
RESIZE_CHUNK = 1000


def resized(images: np.ndarray, image_size: int | None) -> np.ndarray:
    """uint8 N×C×H×W to N×C×`image_size`×`image_size`; None leaves the size as it is."""
    if image_size is None or images.shape[2:] == (image_size, image_size):
        return images
    chunks = torch.from_numpy(images).split(RESIZE_CHUNK)
    size = [image_size, image_size]
    return torch.cat([transforms.resize(chunk, size, antialias=True) for chunk in chunks]).numpy()


def mean_and_std(images: np.ndarray) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel of pixels from 0 to 1; `images`: uint8 N×C×H×W.

    Computed from the frequencies of the 256 values, so that rounding errors are negligible.
    """
    values = np.arange(256) / 255
    counts = [np.bincount(images[:, channel].ravel(), minlength=256) for channel in range(images.shape[1])]
    means = [float(np.average(values, weights=count)) for count in counts]
    pairs = zip(means, counts, strict=True)
    return means, [float(np.average((values - mean) ** 2, weights=count) ** 0.5) for mean, count in pairs]


def crop_flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Crop each image at a random place of its copy with 4 black pixels around it, and mirror it with probability ½.

    `images`: uint8 B×C×H×W; `generator`: a stream on the CPU. Returns new images of the same shape (He et al. 2016,
    arXiv:1512.03385, section 4.2).
    """
    batch, _, height, width = images.shape
    rows, columns = torch.randint(2 * PADDING + 1, (2, batch), generator=generator).to(images.device)
    mirrored = torch.randint(2, (batch, 1, 1, 1), generator=generator).to(images.device)
    crops = functional.pad(images, 4 * [PADDING]).unfold(2, height, 1).unfold(3, width, 1)
    cropped = crops[torch.arange(batch, device=images.device), :, rows, columns]
    return torch.where(mirrored == 1, cropped.flip(3), cropped)


def cutout(images: torch.Tensor, fill: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Paint a square of half the height over each image, around a random pixel; it may reach over the edge.

    `images`: uint8 B×C×H×W; `fill`: the colour, uint8 C; `generator`: a stream on the CPU. Returns new images of the
    same shape (DeVries and Taylor 2017, arXiv:1708.04552: 16 of 32 pixels on CIFAR-10, with the mean colour).
    """
    batch, _, height, width = images.shape
    rows, columns = (torch.randint(size, (batch, 1), generator=generator) for size in (height, width))
    half = height // 4
    hidden = [
        (place - half <= at) & (at < place + half)
        for place, at in ((rows, torch.arange(height)), (columns, torch.arange(width)))
    ]
    square = (hidden[0][:, None, :, None] & hidden[1][:, None, None, :]).to(images.device)
    return torch.where(square, fill.view(1, -1, 1, 1), images)


def inputs(images: torch.Tensor) -> torch.Tensor:
    """The network's input: uint8 to float32 in [0, 1], of the same shape; pixels that are float32 stay as they are."""
    return images if images.is_floating_point() else images.float().div_(255)


def repeated(images: torch.Tensor, channels: int) -> torch.Tensor:
    """Images with one channel as images with `channels` channels that share its memory; others as they are."""
    return images.expand(-1, channels, -1, -1) if images.shape[1] == 1 else images


def sample_shape(images: torch.Tensor, channels: int) -> tuple[int, int, int]:
    """(C, H, W) of the network's input; one channel is repeated to `channels`."""
    _, own, height, width = images.shape
    return channels if own == 1 else own, height, width
