"""Corruption of input pixels during training."""

import torch


def replace_pixels(images: torch.Tensor, p: float, generator: torch.Generator) -> torch.Tensor:
    """Each pixel value independently, with probability p, replaced by U(0, 1).

    `images`: float B×C×H×W in [0, 1]; the result has the same shape and is a new tensor. p = 0 returns
    `images` itself and draws nothing.
    """
    if p == 0:
        return images
    chosen = torch.rand(images.shape, generator=generator, device=images.device) < p
    uniform = torch.rand(images.shape, generator=generator, device=images.device)
    return torch.where(chosen, uniform, images)
