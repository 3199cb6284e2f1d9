"""Weights in symmetric fixed point: whole-numbered codes and one scale per tensor."""

import torch


def codes_and_step(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes, whole numbers from −most to most in the type of `weight`, and the step: weight ≈ codes·step.

    most = 2ᵇ⁻¹ − 1 for b = `bits` ≥ 2; step = max|w|/most, 0-dimensional. Each weight is rounded to the nearest code.
    """
    most = 2 ** (bits - 1) - 1
    step = weight.abs().max() / most
    codes = torch.zeros_like(weight) if step == 0 else (weight / step).round().clamp_(-most, most)
    return codes, step
