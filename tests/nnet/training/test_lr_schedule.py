"""Learning rates against their closed forms and published values."""

import math

import pytest

from nnet.config import TrainConfig
from nnet.training.lr_schedule import learning_rate

PUBLISHED = {
    0: 0.1, 10: 0.0868333, 25: 0.045001, 49: 8.0326e-5, 50: 0.080002, 71: 0.0447052, 90: 0.0061127, 100: 0.060004,
    150: 0.040006, 200: 0.020008, 250: 1e-5, 275: 5.5e-6,
}  # fmt: skip
"""Of 300 epochs with restarts every 50 from 0.1, at the start of an epoch counted from 0."""


def config(**changed) -> TrainConfig:
    fields = dict(epochs=300, learning_rate=0.1, lr_schedule="cosine_restarts", lr_restart_epochs=50)
    return TrainConfig(**fields | changed)


@pytest.mark.parametrize(("epoch", "expected"), PUBLISHED.items())
@pytest.mark.parametrize("steps", [1, 195])
def test_the_published_values(epoch, expected, steps):
    assert learning_rate(config(), epoch * steps, steps) == pytest.approx(expected, rel=1e-4)


def test_every_step_of_a_run():
    cfg, steps = config(epochs=7, lr_restart_epochs=3), 4
    for step in range(7 * steps):
        peak = 0.1 - min(1, step / (4 * steps)) * (0.1 - 1e-5)
        expected = 1e-6 + (peak - 1e-6) / 2 * (1 + math.cos(math.pi * (step % 12) / 12))
        assert learning_rate(cfg, step, steps) == pytest.approx(expected, rel=1e-12)


STEPPED = {0: 1e-3, 58: 1e-3, 59: 2e-4, 88: 2e-4, 89: 4e-5, 118: 4e-5, 119: 8e-6, 149: 8e-6}
"""Published rates of perturbative networks: 150 epochs, at the start of an epoch counted from 0."""


@pytest.mark.parametrize(("epoch", "expected"), STEPPED.items())
def test_the_rate_falls_in_steps(epoch, expected):
    cfg = TrainConfig(epochs=150, learning_rate=1e-3, lr_schedule="steps", lr_milestones=(60, 90, 120, 160))
    for step in (0, 4):
        assert learning_rate(cfg, epoch * 5 + step, 5) == pytest.approx(expected, rel=1e-12)


def test_a_constant_rate_is_constant():
    assert {learning_rate(TrainConfig(learning_rate=0.03), step, 10) for step in range(100)} == {0.03}
