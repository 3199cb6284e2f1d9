"""Flipped bits against Python's integers and bytes."""

import struct

import numpy as np
import pytest
import torch

from nnet.evaluations.bit_flips import Options
from nnet.evaluations.parts.fixed_point import codes_and_step
from nnet.random.bernoulli import Bernoulli
from nnet.random.streams import seed_of
from tests.nnet.evaluations import tiny

RATES = (0.0, 0.001, 0.02, 0.2)
POINTS = [(rate, draw) for draw in range(3) for rate in RATES if draw == 0 or rate > 0]


def plain_int8(weight: np.ndarray, words: list[int]) -> np.ndarray:
    """Each weight as a whole number of steps, in two's complement modulo 256, bits flipped, and back."""
    step = np.float32(np.abs(weight).max()) / np.float32(127)
    read = []
    for value, word in zip(weight.reshape(-1), words, strict=True):
        code = (round(float(value / step)) % 256) ^ word
        read.append((code - 256 if code > 127 else code) * step)
    return np.array(read, np.float32).reshape(weight.shape)


def plain_fp32(weight: np.ndarray, words: list[int]) -> np.ndarray:
    read = []
    for value, word in zip(weight.reshape(-1), words, strict=True):
        (stored,) = struct.unpack("<I", struct.pack("<f", value))
        read += struct.unpack("<f", struct.pack("<I", stored ^ word))
    return np.array(read, np.float32).reshape(weight.shape)


def plain(storage: str, rate: float, draw: int) -> tuple[float, float]:
    """Accuracy and loss of the tiny network, read from memory."""
    flips = Bernoulli(seed_of(tiny.SEED, "evaluation/bit_flips", draw), rate)
    read = {"int8": plain_int8, "fp32": plain_fp32}[storage]
    bits = {"int8": 8, "fp32": 32}[storage]
    return tiny.figures(
        *[read(weight, flips.words(weight.size, bits).tolist()) for weight in (tiny.FIRST, tiny.SECOND)]
    )


@pytest.mark.parametrize("storage", ["int8", "fp32"])
def test_every_point_agrees_with_the_plain_reference(storage):
    yielded = tiny.measured("bit_flips", POINTS, storage=storage)
    accuracies = set()
    for (rate, draw), (row,) in zip(POINTS, yielded, strict=True):
        assert (row["strength"], row["draw"]) == (rate, draw)
        accuracy, loss = plain(storage, rate, draw)
        assert row["acc"] == pytest.approx(accuracy)
        if np.isfinite(loss) and loss < 1e3:
            assert row["loss"] == pytest.approx(loss, rel=1e-4)
        accuracies.add(row["acc"])
    assert len(accuracies) > 3


def test_no_flips_leave_the_quantised_network_or_the_exact_one():
    rounded = [
        codes * step for codes, step in (codes_and_step(torch.from_numpy(w), 8) for w in (tiny.FIRST, tiny.SECOND))
    ]
    ((of_int8,),) = tiny.measured("bit_flips", [(0.0, 0)])
    assert (of_int8["acc"], of_int8["loss"]) == pytest.approx(tiny.figures(*[weight.numpy() for weight in rounded]))
    ((of_fp32,),) = tiny.measured("bit_flips", [(0.0, 0)], storage="fp32")
    assert (of_fp32["acc"], of_fp32["loss"]) == pytest.approx(tiny.figures())
    assert of_int8["loss"] != of_fp32["loss"]


@pytest.mark.parametrize("storage", ["int8", "fp32"])
def test_a_point_depends_on_no_other(storage):
    rows = dict(zip(POINTS, tiny.measured("bit_flips", POINTS, storage=storage), strict=True))
    few = [(0.2, 1), (0.02, 2)]
    assert tiny.measured("bit_flips", few, storage=storage, rates=[0.2, 0.02], draws=9) == [
        rows[point] for point in few
    ]


def test_all_bits_of_a_code_flip_to_minus_itself_minus_1():
    first, second = np.full_like(tiny.FIRST, 1.27), np.full_like(tiny.SECOND, -1.27)
    ((row,),) = tiny.measured("bit_flips", [(1.0, 0)], tiny.network(first, second))
    assert (row["acc"], row["loss"]) == pytest.approx(
        tiny.figures(np.full_like(first, -1.28), np.full_like(second, 1.26))
    )


def test_images_with_a_nan_among_their_logits_are_wrong_and_their_loss_is_null():
    assert (tiny.LABELS == 0).mean() > 0.2  # the index of a NaN is that of the first class
    ((row,),) = tiny.measured("bit_flips", [(1.0, 0)], tiny.network(second=0 * tiny.SECOND), storage="fp32")
    assert row["acc"] == 0 and row["loss"] is None


def test_a_tensor_of_zeros_has_codes_of_zero():
    codes, step = codes_and_step(torch.zeros(3), 8)
    assert step == 0 and torch.equal(codes, torch.zeros(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rates": [0, 1.5]}, "rates must be between 0 and 1; got 1.5"),
        ({"rates": [0.1, 0.1]}, "rates has duplicates"),
        ({"rates": 0.1}, "rates must be a list of probabilities"),
        ({"draws": 0}, "draws must be at least 1"),
        ({"storage": "int4"}, "unknown storage 'int4'; choose from .*did you mean 'int8'"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Options(**options)
