"""Stuck weights against NumPy."""

import numpy as np
import pytest

from nnet.evaluations.stuck_at import Options
from nnet.random.bernoulli import Bernoulli
from nnet.random.streams import seed_of
from tests.nnet.evaluations import tiny

SHARES = (0.0, 0.05, 0.3, 1.0)
POINTS = [(share, draw) for draw in range(3) for share in SHARES if draw == 0 or share > 0]


def plain(value: str, share: float, draw: int) -> tuple[float, float]:
    """Accuracy and loss of the tiny network with stuck weights."""
    faults = Bernoulli(seed_of(tiny.SEED, "evaluation/stuck_at", draw), share)
    stuck = []
    for weight in (tiny.FIRST, tiny.SECOND):
        held = {"zero": 0 * weight, "largest": np.sign(weight) * np.abs(weight).max()}[value]
        stuck.append(np.where(faults.words(weight.size, 1).reshape(weight.shape) == 1, held, weight))
    return tiny.figures(*stuck)


@pytest.mark.parametrize("value", ["zero", "largest"])
def test_every_point_agrees_with_the_plain_reference(value):
    yielded = tiny.measured("stuck_at", POINTS, value=value)
    for (share, draw), (row,) in zip(POINTS, yielded, strict=True):
        assert (row["strength"], row["draw"]) == (share, draw)
        assert (row["acc"], row["loss"]) == pytest.approx(plain(value, share, draw), rel=1e-5)
    assert len({row["loss"] for (row,) in yielded}) > 6
    assert (yielded[0][0]["acc"], yielded[0][0]["loss"]) == pytest.approx(tiny.figures())


def test_a_point_depends_on_no_other():
    rows = dict(zip(POINTS, tiny.measured("stuck_at", POINTS), strict=True))
    few = [(0.3, 1), (0.05, 2)]
    assert tiny.measured("stuck_at", few, shares=[0.05, 0.3], draws=9) == [rows[point] for point in few]


def test_a_weight_of_zero_is_stuck_at_plus_the_largest_magnitude():
    first = np.where(tiny.FIRST > 0, 0, tiny.FIRST)
    largest = np.abs(first).max()
    ((row,),) = tiny.measured("stuck_at", [(1.0, 0)], tiny.network(first), value="largest")
    held = np.where(first < 0, -largest, largest), np.sign(tiny.SECOND) * np.abs(tiny.SECOND).max()
    assert (row["acc"], row["loss"]) == pytest.approx(tiny.figures(*held), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shares": [0, 2]}, "shares must be between 0 and 1; got 2"),
        ({"shares": []}, "shares must be a list of probabilities, not empty"),
        ({"draws": 1.5}, "draws must be a whole number"),
        ({"value": "one"}, "unknown value 'one'; choose from .'zero', 'largest'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**options)
