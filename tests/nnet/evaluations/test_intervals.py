"""Interval arithmetic on tensors, against the ends of intervals and samples of them."""

import math

import pytest
import torch
from torch.nn import functional

from nnet.evaluations.parts.intervals import Interval, product, standardised, weighted


@pytest.mark.parametrize("zeta", [0.0, 0.3, 1.0, 1.7])
def test_products_of_intervals_are_the_extremes_over_all_ends(zeta):
    generator = torch.Generator().manual_seed(2)
    low, width = torch.randn(40, 3, generator=generator), torch.rand(40, 3, generator=generator)
    weight = torch.randn(1, 3, generator=generator)
    x, ends = Interval(low, low + width), Interval(weight - zeta * weight.abs(), weight + zeta * weight.abs())
    corners = torch.stack([a * b for a in (x.lower, x.upper) for b in (ends.lower, ends.upper)])
    elements, sums = product(x, ends), weighted(functional.linear, x, weight, zeta)
    for extreme, of_elements, of_sums in (
        (torch.amin, *_ends(elements, sums, 0)),
        (torch.amax, *_ends(elements, sums, 1)),
    ):
        torch.testing.assert_close(of_elements, extreme(corners, 0))
        torch.testing.assert_close(of_sums, extreme(corners, 0).sum(1, keepdim=True))


def _ends(a: Interval, b: Interval, end: int) -> tuple:
    return (a.lower, b.lower) if end == 0 else (a.upper, b.upper)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_a_standardised_vector_stays_within_its_bounds(n):
    generator = torch.Generator().manual_seed(n)
    low = torch.randn(30, n, generator=generator)
    for width in (0.01, 0.3, 5):
        high = low + width * torch.rand(30, n, generator=generator)
        bounds = standardised(Interval(low, high), 1, 1e-5)
        assert (bounds.upper <= math.sqrt(max(n - 1, 0)) + 1e-4).all() and (bounds.lower <= bounds.upper).all()
        for _ in range(200):
            places = torch.rand(30, n, generator=generator)
            places = places.round() if width > 1 else places
            values = functional.layer_norm(low + (high - low) * places, (n,), eps=1e-5)
            assert (values >= bounds.lower - 1e-3).all() and (values <= bounds.upper + 1e-3).all()
