"""An adversary on the pixels of a whole batch: projected gradient ascent (Madry et al. 2018, arXiv:1706.06083)."""

from collections.abc import Callable

import torch


def attacked_images(
    images: torch.Tensor,
    loss: Callable[[torch.Tensor], torch.Tensor],
    size: float,
    steps: int,
    generator: torch.Generator,
) -> torch.Tensor:
    """Images with a large `loss`; no pixel changes by more than `size` or leaves [0, 1].

    `images`: float32 B×C×H×W in [0, 1], or sequences B×T×C, whose values have no such limits; `loss` returns a
    0-dimensional tensor. Takes `steps` steps of `size`/`steps` along the sign of the gradient from a uniform start.
    """
    images = images.contiguous()
    low, high = images - size, images + size
    if images.dim() == 4:
        low, high = low.clamp_(min=0), high.clamp_(max=1)
    start = torch.empty_like(images).uniform_(-size, size, generator=generator)
    attacked = torch.clamp(images + start, low, high)
    for _ in range(steps):
        attacked.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(attacked), attacked)
        attacked = torch.clamp(attacked.detach() + size / steps * gradient.sign(), low, high)
    return attacked
