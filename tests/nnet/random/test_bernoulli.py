"""Random bits against a plain reference and against their distribution."""

import numpy as np
import pytest
from scipy import stats

from nnet.random.bernoulli import Bernoulli
from nnet.random.philox import ROUNDS
from tests.nnet.random.test_normals import plain_philox


def plain_words(count: int, bits: int, seed: int, p: float) -> list[int]:
    """Bit by bit: a word of the stream that is below p·2³² makes a 1."""
    places = -(-bits // 4)
    words = []
    for index in range(count):
        numbers = []
        for place in range(index * places, (index + 1) * places):
            numbers += plain_philox((place, 0, 0, 0), (seed % 2**32, seed >> 32), ROUNDS)
        words.append(sum(2**bit for bit in range(bits) if numbers[bit] < p * 2**32))
    return words


@pytest.mark.parametrize("bits", [1, 5, 8, 32])
@pytest.mark.parametrize("p", [0, 0.01, 0.5, 1])
def test_words_agree_with_the_plain_reference(bits, p):
    seed = 2**62 + 12345
    words = Bernoulli(seed, p).words(200, bits)
    assert words.dtype == np.uint32 and words.tolist() == plain_words(200, bits, seed, p)


def test_a_stream_goes_on_where_it_was():
    whole, parts = Bernoulli(3, 0.3).words(1000, 8), Bernoulli(3, 0.3)
    assert [*parts.words(1, 8), *parts.words(0, 8), *parts.words(999, 8)] == whole.tolist()
    assert Bernoulli(4, 0.3).words(1000, 8).tolist() != whole.tolist()


def test_bits_of_a_small_probability_are_among_those_of_a_larger_one():
    few, more = (Bernoulli(3, p).words(100_000, 32) for p in (1e-3, 2e-3))
    assert not (few & ~more).any() and few.any() and (few != more).any()


@pytest.mark.parametrize("p", [1e-6, 1e-3, 0.2])
def test_bits_have_their_probability_and_are_independent(p):
    bits = np.unpackbits(Bernoulli(7, p).words(2**20, 32).view(np.uint8)).reshape(-1, 32)
    assert stats.binomtest(int(bits.sum()), bits.size, p).pvalue > 1e-3
    if p == 0.2:
        assert stats.chisquare(bits.sum(0)).pvalue > 1e-3
        neighbours = np.corrcoef(bits[:100_000].T)[np.triu_indices(32, 1)]
        assert np.abs(neighbours).max() < 5 / np.sqrt(100_000)
