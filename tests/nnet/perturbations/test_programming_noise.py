"""The noise of programming phase-change memory in training, against plain formulas for one weight at a time."""

import pytest
import torch

from nnet.perturbations.programming_noise import ProgrammingNoise
from nnet.random.normals import Normals
from nnet_models import build_model, train_and_evaluate
from tests.conftest import small_run


def plainly_programmed(w: float, largest: float, first: float, second: float) -> float:
    """A weight on two devices: each is programmed to its conductance, with the error of Joshi et al. 2020."""
    held = []
    for conductance, z in ((max(w, 0) / largest, first), (max(-w, 0) / largest, second)):
        sigma = max(-1.1731 * conductance**2 + 1.9650 * conductance + 0.2635, 0) / 25
        held.append(max(conductance + sigma * z, 0))
    return largest * (held[0] - held[1])


@pytest.mark.parametrize("alpha", [1.0, 0.3])
def test_the_noise_is_that_of_programming_times_alpha(alpha):
    torch.manual_seed(0)
    model = build_model("mlp_small", image_shape=(1, 4, 4), num_classes=3)
    noise = ProgrammingNoise(model, "tensor_std")
    noise.draw(Normals(5))
    stream = Normals(5)
    clean = [weight.detach().clone() for weight in noise.weights]
    with noise.applied(alpha):
        for weight, before in zip(noise.weights, clean, strict=True):
            first, second = stream.draw(torch.Size((2, *weight.shape))).numbers().flatten(1)
            columns = (before.flatten()[:50], first, second, weight.flatten())
            for w, z, other, noisy in zip(*(column.tolist() for column in columns), strict=False):
                expected = w + alpha * (plainly_programmed(w, before.abs().max().item(), z, other) - w)
                assert noisy == pytest.approx(expected, abs=1e-6)
    assert all(torch.equal(weight, before) for weight, before in zip(noise.weights, clean, strict=True))


def test_training_with_it_learns_and_differs_from_gaussian_noise(npz):
    fields = dict(regime="noisy", alpha_train=1.0, epochs=4)
    device, gaussian = (
        train_and_evaluate(small_run(npz, **fields, options={"noisy": {"device": name}})) for name in ("pcm", "none")
    )
    assert device["acc_0"] > 0.9 and device["sha256"]["weights"] != gaussian["sha256"]["weights"]
