"""Weights in phase-change memory, against the formulas of the papers in NumPy."""

from statistics import fmean

import numpy as np
import pytest
import torch
from torch import nn

from nnet.checks import ConfigError
from nnet.evaluations.parts import measuring
from nnet.perturbations import pcm
from nnet.random import streams
from nnet.random.normals import Normals
from nnet_models import TrainConfig
from tests.nnet.evaluations import tiny

TIMES = (25.0, 3600.0, 86400.0, 2592000.0, 31536000.0)
POINTS = [(time, draw) for draw in range(3) for time in TIMES]


def plain_devices(target: np.ndarray, z: list[np.ndarray], seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Conductances in µS, as programmed and as read, of devices with these targets in µS."""
    with np.errstate(divide="ignore"):
        log = np.log(target / 25)
        strength = np.minimum(0.0088 / (target / 25) ** 0.65, 0.2)
    relative = target / 25
    sigma = np.maximum(-1.1731 * relative**2 + 1.9650 * relative + 0.2635, 0)
    start = np.maximum(target + sigma * z[0], 0)
    mean = np.minimum(np.maximum(-0.0155 * log + 0.0244, 0.049), 0.1)
    spread = np.minimum(np.maximum(-0.0125 * log - 0.0059, 0.008), 0.045)
    drifted = start * (seconds / 25) ** -np.abs(mean + spread * z[1])
    noise = drifted * strength * np.sqrt(np.log((seconds + 250e-9) / (2 * 250e-9)))
    return start, np.maximum(drifted + noise * z[2], 0)


def plain_weights(weight: np.ndarray, stream: Normals, seconds: float, clip: float | None, compensated: bool):
    """The weight tensor that is read, float64."""
    z = [stream.draw(torch.Size((2, *weight.shape))).numbers().numpy().astype(float) for _ in range(3)]
    weight = weight.astype(float)
    if clip is not None:
        limit = clip * weight.std(ddof=1)
        weight = np.minimum(np.maximum(weight, -limit), limit)
    scale = np.abs(weight).max() / 25
    adding = plain_devices(np.maximum(weight, 0) / scale, [numbers[0] for numbers in z], seconds)
    subtracting = plain_devices(np.maximum(-weight, 0) / scale, [numbers[1] for numbers in z], seconds)
    programmed, read = ((adding[i] - subtracting[i]) * scale for i in (0, 1))
    return read * (np.abs(programmed).mean() / np.abs(read).mean() if compensated else 1)


@pytest.mark.parametrize(("clip", "compensated"), [(None, True), (None, False), (1.0, True)])
def test_the_network_that_is_read_is_that_of_the_formulas(clip, compensated):
    yielded = tiny.measured("pcm", POINTS, times=TIMES, draws=3, clip=clip, drift_compensation=compensated)
    losses = set()
    for (seconds, draw), rows in zip(POINTS, yielded, strict=True):
        stream = Normals(streams.seed_of(tiny.SEED, "evaluation/pcm", draw))
        read = [plain_weights(weight, stream, seconds, clip, compensated) for weight in (tiny.FIRST, tiny.SECOND)]
        accuracy, loss = tiny.figures(*read)
        assert rows == [{"strength": seconds, "draw": draw, "acc": accuracy, "loss": pytest.approx(loss, rel=1e-4)}]
        losses.add(rows[0]["loss"])
    assert len(losses) == len(POINTS)


def test_a_point_depends_on_no_other_times_and_draws():
    together = dict(zip(POINTS, tiny.measured("pcm", POINTS), strict=True))
    for point in POINTS[::4]:
        assert tiny.measured("pcm", [point], draws=7) == [together[point]]


def test_programming_noise_is_that_of_the_smallest_and_of_the_largest_conductance():
    ones = torch.ones(2)
    assert (25 * pcm.programmed(torch.tensor([0.0, 1.0]), ones)).tolist() == pytest.approx([0.2635, 26.0554], rel=1e-6)
    assert pcm.programmed(torch.tensor([0.0]), -ones[:1]).item() == 0


def test_conductances_do_not_drift_at_the_first_reading_and_fall_from_then_on():
    exponents = pcm.drift_exponents(torch.tensor([0.0, 0.1, 1.0]), torch.tensor([0.5, -1.0, 2.0]))
    start = torch.tensor([0.3, 0.2, 1.0])
    values = torch.stack([pcm.drifted(start, exponents, seconds) for seconds in TIMES])
    assert torch.equal(values[0], start) and (values.diff(dim=0) < 0).all()
    assert exponents.tolist() == pytest.approx([0.1 + 0.5 * 0.045, 0.0600900 - 0.0228823, 0.049 + 2 * 0.008], rel=1e-4)


@pytest.fixture(scope="module")
def large():
    """A weight tensor of 40,000 numbers."""
    torch.manual_seed(0)
    return nn.Parameter(torch.randn(200, 200))


def sizes_at(weight: nn.Parameter, compensated: bool) -> list[float]:
    memory = pcm.PhaseChangeMemory([weight], None, compensated)
    memory.program(Normals(1))
    return [memory.read(seconds)[0].abs().mean().item() for seconds in TIMES]


def test_compensation_keeps_the_mean_size_of_the_weights_which_falls_without_it(large):
    start, *later = sizes_at(large, compensated=True)
    assert later == pytest.approx([start] * 4, rel=1e-5)
    drifting = sizes_at(large, compensated=False)
    assert drifting == sorted(drifting, reverse=True) and drifting[-1] < 0.55 * drifting[0]


def test_clipping_makes_the_error_of_small_weights_smaller_and_cuts_the_large_ones(large):
    errors = []
    for clip in (None, 2.0):
        memory = pcm.PhaseChangeMemory([large], clip, True)
        memory.program(Normals(1))
        small = large.detach().abs() < 1
        errors.append((memory.read(25.0)[0] - large.detach())[small].std().item())
        assert memory.largest[0].item() == pytest.approx(2 * large.std().item() if clip else large.abs().max().item())
    assert errors[1] < 0.75 * errors[0]


def test_weights_of_0_and_weights_that_are_all_equal_are_not_clipped_away():
    weights = [nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.full((1,), 0.25)), nn.Parameter(torch.ones(50))]
    memory = pcm.PhaseChangeMemory(weights, 2.0, True)
    memory.program(Normals(0))
    zeros, single, equal = memory.read(3600.0)
    assert torch.equal(zeros, torch.zeros(3, 2))
    assert single.item() == pytest.approx(0.25, rel=0.3) and fmean(equal.tolist()) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": [10]}, "times must be between 25 and 1e\\+10; got 10"),
        ({"times": []}, "pcm.times must be a list of distinct numbers, not empty"),
        ({"draws": 0}, "pcm.draws must be at least 1"),
        ({"clip": 0}, "clip must be above 0"),
        ({"drift_compensation": 1}, "drift_compensation must be True or False"),
        ({"tims": [25]}, "unknown option 'tims' of pcm.*did you mean 'times'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        measuring.checked(TrainConfig(evaluations=("pcm",), options={"pcm": options}))
