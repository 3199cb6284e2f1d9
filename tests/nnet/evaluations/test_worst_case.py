"""Adversarial and random corners of a box around the weights, against plain references."""

import copy
import itertools

import pytest
import torch

from nnet.perturbations.divergences import BOUNDARY_LOSSES
from tests.nnet.evaluations.measurements import (
    ZETAS,
    measured_at,
    measured_of,
    numbers,
    rows_of,
    trained_of,
    weights_of,
)


def plain_attack(network, zeta, objective, steps, restart=0) -> list[torch.Tensor]:
    """Sign steps from a little noise, on all images in one batch, projected after each."""
    model, x, y = copy.deepcopy(network[0]), *network[1:]
    weights = weights_of(model)
    clean = [weight.detach().clone() for weight in weights]
    target = model(x).detach()
    shifts = [(1e-3 * number).clamp(-zeta, zeta) for number in numbers("evaluation/worst_case", restart, model)]
    for _ in range(steps):
        for weight, was, shift in zip(weights, clean, shifts, strict=True):
            weight.data = was + was.abs() * shift
        gradients = torch.autograd.grad(BOUNDARY_LOSSES[objective](target, model(x), y), weights)
        shifts = [
            (shift + zeta / steps * gradient.sign()).clamp(-zeta, zeta)
            for shift, gradient in zip(shifts, gradients, strict=True)
        ]
    return [was + was.abs() * shift for was, shift in zip(clean, shifts, strict=True)]


@pytest.mark.parametrize("objective", ["ce", "kl"])
@pytest.mark.parametrize("batch", [301, 43, 128])
def test_the_gradient_of_all_images_is_the_sum_of_that_of_parts(network, objective, batch):
    rows = rows_of(network, "worst_case", batch, zetas=ZETAS, objective=objective, test_attack_steps=4)
    for row, zeta in zip(rows, ZETAS, strict=True):
        accuracy, loss = measured_at(network, plain_attack(network, zeta, objective, 4))
        assert row["alpha_test"] == zeta and row["noise_samples"] == 1
        assert row["acc"] == pytest.approx(accuracy, abs=2 / 301)  # a sign of a gradient near 0 may differ
        assert row["loss"] == pytest.approx(loss, rel=0.01)


def test_the_adversary_is_worse_than_chance_at_every_zeta_and_worse_with_larger_ones(network):
    worst = rows_of(network, "worst_case", zetas=ZETAS)
    corners = rows_of(network, "random_corners", zetas=ZETAS)
    assert {name: worst[0][name] for name in corners[0]} == corners[0]
    for attacked, by_chance in zip(worst[1:], corners[1:], strict=True):
        assert attacked["acc"] < by_chance["acc"] and attacked["loss"] > by_chance["loss"]
    assert all(less["loss"] < more["loss"] for less, more in itertools.pairwise(worst))


def test_of_several_starts_the_one_counts_that_ends_with_the_largest_objective(network):
    (row,) = rows_of(network, "worst_case", zetas=[0, 0.1], restarts=4, test_attack_steps=1)[1:]
    losses = [measured_at(network, plain_attack(network, 0.1, "ce", 1, restart))[1] for restart in range(4)]
    assert len(set(losses)) > 1
    assert row["loss"] == pytest.approx(max(losses), rel=1e-3) and row["noise_samples"] == 4
    assert row["objective"] == pytest.approx(row["loss"], rel=1e-5)  # of the labels' cross-entropy, batch by batch


def test_more_restarts_add_points(network):
    options = dict(zetas=[0, 0.1], test_attack_steps=1, objective="kl")
    one, three = (measured_of(trained_of(network), "worst_case", **options, restarts=count) for count in (1, 3))
    grown = measured_of(trained_of(network), "worst_case", one["measurements"], **options, restarts=3)
    assert grown["measurements"][1]["points"] == three["measurements"][1]["points"]
    assert [point["draw"] for point in three["measurements"][1]["points"]] == [0, 0, 1, 2]
    assert three["measurements"][1]["points"][0]["objective"] == pytest.approx(0, abs=1e-6)


def test_random_corners_are_corners_of_the_box(network):
    rows = rows_of(network, "random_corners", zetas=ZETAS, corners=3)
    for row, zeta in zip(rows, ZETAS, strict=True):
        clean = weights_of(network[0])
        expected = [
            measured_at(
                network,
                [
                    w + zeta * w.abs() * z.sign()
                    for w, z in zip(clean, numbers("evaluation/random_corners", k, network[0]), strict=True)
                ],
            )
            for k in range(3 if zeta else 1)
        ]
        assert row["acc"] == pytest.approx(sum(accuracy for accuracy, _ in expected) / len(expected), abs=1e-9)
        assert row["acc_min"] == pytest.approx(min(accuracy for accuracy, _ in expected), abs=1e-9)
        assert row["noise_samples"] == len(expected)
