"""Augmentation of training images: the same image looks a little different each time that it is seen."""

import torch
from torch.nn import functional

PADDING = 4


def crop_flip(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image, padded with 4 black pixels, from a random place, and half of the time as its mirror image.

    `images`: uint8 B×C×H×W; `generator`: a stream on the CPU. Returns new images of the same shape (He et al. 2016,
    arXiv:1512.03385, section 4.2).
    """
    batch, _, height, width = images.shape
    rows, columns = torch.randint(2 * PADDING + 1, (2, batch), generator=generator).to(images.device)
    mirrored = torch.randint(2, (batch, 1, 1, 1), generator=generator).to(images.device)
    crops = functional.pad(images, 4 * [PADDING]).unfold(2, height, 1).unfold(3, width, 1)
    cropped = crops[torch.arange(batch, device=images.device), :, rows, columns]
    return torch.where(mirrored == 1, cropped.flip(3), cropped)
