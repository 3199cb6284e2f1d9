"""The precision of a forward pass: single precision, or bfloat16 where PyTorch's autocast uses it."""

import torch
from torch import nn


def logits(model: nn.Module, images: torch.Tensor, precision: str) -> torch.Tensor:
    """The logits of a network, B×classes, float32 or wider, computed in `precision` (`fp32` or `bf16`)."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
        outputs = model(images)
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32))
