"""Interval arithmetic on tensors: bounds on what comes out, from bounds on what goes in.

Gowal et al. 2018, "On the effectiveness of interval bound propagation for training verifiably robust models"
(arXiv:1810.12715); for weights in intervals Weng et al. 2020, "Towards certificated model robustness against weight
perturbations" (AAAI). Bounds hold for every element by itself, and up to the rounding of the tensors' type.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Interval:
    """All tensors between two tensors of one shape, element by element."""

    lower: torch.Tensor
    upper: torch.Tensor


def exactly(tensor: torch.Tensor) -> Interval:
    """The interval that holds one tensor. Its ends have memory of their own, because layers may write to them."""
    return Interval(tensor.clone(), tensor.clone())


def increasing(function: Callable, *arguments: Any, **settings: Any) -> Interval:
    """Bounds on a function that decreases in none of its arguments; each argument is an interval or a constant."""
    lower = [argument.lower if isinstance(argument, Interval) else argument for argument in arguments]
    upper = [argument.upper if isinstance(argument, Interval) else argument for argument in arguments]
    return Interval(function(*lower, **settings), function(*upper, **settings))


def dipping(function: Callable, x: Interval, lowest: float) -> Interval:
    """Bounds on a function of each element that decreases up to `lowest` and increases from there on."""
    bottom = torch.full_like(x.lower, lowest).clamp(x.lower, x.upper)
    return Interval(function(bottom), torch.maximum(function(x.lower), function(x.upper)))


def product(a: Interval, b: Interval) -> Interval:
    """Bounds on a·b, exact for independent elements; shapes are broadcast."""
    ends = [a.lower * b.lower, a.lower * b.upper, a.upper * b.lower, a.upper * b.upper]
    lower = torch.minimum(torch.minimum(ends[0], ends[1]), torch.minimum(ends[2], ends[3]))
    upper = torch.maximum(torch.maximum(ends[0], ends[1]), torch.maximum(ends[2], ends[3]))
    return Interval(lower, upper)


def weighted(operation: Callable, x: Interval, weight: torch.Tensor, zeta: float) -> Interval:
    """Bounds on operation(x, W) for all W within ζ·|w| of `weight`, exact for a matrix product.

    `operation` multiplies elements of both and adds up: linear or a convolution, without its bias. For w ≥ 0 the
    largest product is w·p with p the larger of (1 ± ζ)x at both ends of x, and the smallest is w·q; for w < 0 they
    change places.
    """
    largest = torch.maximum(_stretched(x.lower, zeta), _stretched(x.upper, zeta))
    smallest = torch.minimum(_stretched(x.lower, -zeta), _stretched(x.upper, -zeta))
    positive, negative = weight.clamp(min=0), weight.clamp(max=0)
    return Interval(
        operation(smallest, positive) + operation(largest, negative),
        operation(largest, positive) + operation(smallest, negative),
    )


def standardised(x: Interval, dimensions: int, epsilon: float) -> Interval:
    """Bounds on (x − mean)/√(variance + ε), with mean and variance over the last `dimensions` dimensions.

    y_i = d_i/√((d_i² + r)/n + ε) increases with the deviation d_i from the mean; r, the sum of the squares of the other
    deviations, is at least d_i²/(n − 1), because all deviations add up to 0.
    """
    lower, upper = x.lower.flatten(-dimensions), x.upper.flatten(-dimensions)
    n = lower.shape[-1]
    deviations = Interval(_deviation(lower, upper, n), _deviation(upper, lower, n))
    smallest = torch.maximum(deviations.lower, -deviations.upper).clamp(min=0) ** 2
    largest = torch.maximum(deviations.lower**2, deviations.upper**2)
    least, most = ((squares.sum(-1, keepdim=True) - squares).clamp(min=0) for squares in (smallest, largest))
    lowest = -_outermost(-deviations.lower, least, most, n, epsilon)
    highest = _outermost(deviations.upper, least, most, n, epsilon)
    return Interval(lowest.view_as(x.lower), highest.view_as(x.upper))


def _stretched(x: torch.Tensor, zeta: float) -> torch.Tensor:
    """(1 + ζ)·x for x ≥ 0 and (1 − ζ)·x for x < 0."""
    return x + zeta * x.abs()


def _deviation(x: torch.Tensor, others: torch.Tensor, n: int) -> torch.Tensor:
    """x_i minus the mean of x_i and the other n − 1 elements of `others`."""
    return x - (x + (others.sum(-1, keepdim=True) - others)) / n


def _outermost(d: torch.Tensor, least: torch.Tensor, most: torch.Tensor, n: int, epsilon: float) -> torch.Tensor:
    """The largest d/√((d² + r)/n + ε) for a rest r from `least` to `most`."""
    smallest_rest = torch.maximum(least, d**2 / max(1, n - 1))
    return d / torch.sqrt((d**2 + torch.where(d > 0, smallest_rest, torch.maximum(most, smallest_rest))) / n + epsilon)
