"""Standard normal numbers against a plain reference, against the distribution, and against `torch.randn`."""

import numpy as np
import pytest
import torch
from scipy import stats

from nnet.random import streams
from nnet.random.normals import Normals
from nnet.random.philox import philox

MILLION = 2**20


def plain_philox(counter, key, rounds=10):
    """Philox-4x32 on one counter and one key (Salmon et al. 2011), with Python's integers."""
    a, b, c, d = counter
    key_0, key_1 = key
    for _ in range(rounds):
        from_a, from_c = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = from_c >> 32 ^ b ^ key_0, from_c % 2**32, from_a >> 32 ^ d ^ key_1, from_a % 2**32
        key_0, key_1 = (key_0 + 0x9E3779B9) % 2**32, (key_1 + 0xBB67AE85) % 2**32
    return a, b, c, d


def plain_normals(size, seed):
    """Tiles of 1024 numbers: the two pairs of 256 counters each, by Box and Muller.

    In double precision but for the word under the logarithm, which is rounded to a single.
    """
    numbers = np.empty((-(-size // 1024), 4, 256))
    for tile, lane in np.ndindex(len(numbers), 256):
        words = plain_philox((tile * 256 + lane, 0, 0, 0), (seed % 2**32, seed >> 32))
        for pair in (0, 1):
            single = np.float32(words[2 * pair]) + np.float32(0.5)
            radius = np.sqrt(-2 * np.log(float(single) / 2**32))
            word = words[2 * pair + 1]
            quarter = (word >> 2) - (2**30 if word >= 2**31 else 0)  # of the signed word
            angle = np.pi / 4 * quarter / 2**29 + np.pi / 2 * (word % 2) + np.pi * (word // 2 % 2)
            numbers[tile, 2 * pair, lane] = radius * np.cos(angle)
            numbers[tile, 2 * pair + 1, lane] = radius * np.sin(angle)
    return numbers.reshape(-1)[:size]


def drawn(stream, size=MILLION):
    return stream.draw(torch.Size([size])).numbers()


ONES = 2**32 - 1
PI = (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, 0xA4093822, 0x299F31D0)
KNOWN_ANSWERS = {  # counter and key → words, from the known answers of the authors' library Random123
    ((0, 0, 0, 0), (0, 0)): (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ((ONES,) * 4, (ONES,) * 2): (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    (PI[:4], PI[4:]): (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
}


@pytest.mark.parametrize("counter_and_key", KNOWN_ANSWERS)
def test_the_plain_reference_gives_the_known_answers(counter_and_key):
    assert plain_philox(*counter_and_key) == KNOWN_ANSWERS[counter_and_key]


@pytest.mark.parametrize("place", [0, 1, 2**32 - 1, 2**32, 2**63 + 5])
@pytest.mark.parametrize("key", [0, 2**63 - 1, 12345678901234567])
def test_the_program_gives_the_bits_of_the_reference(place, key):
    words = plain_philox((place % 2**32, place >> 32, 0, 0), (key % 2**32, key >> 32))
    assert tuple(map(int, philox(np.uint64(place), np.int64(key)))) == words
    if place == key == 0:
        assert words == KNOWN_ANSWERS[(0, 0, 0, 0), (0, 0)]


@pytest.mark.parametrize("seed", [0, 1, 2**62 + 12345])
def test_numbers_agree_with_the_plain_reference(seed):
    np.testing.assert_allclose(drawn(Normals(seed), 5000).numpy(), plain_normals(5000, seed), rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("size", [0, 1, 255, 1024, 1025, 4096])
def test_any_size_can_be_drawn_and_begins_alike(size):
    assert torch.equal(drawn(Normals(3), size), drawn(Normals(3), 5000)[:size])


def test_a_stream_repeats_itself_and_goes_on_with_other_numbers():
    one, other = Normals(5), Normals(5)
    first, second = drawn(one, 1500), drawn(one, 1500)
    assert torch.equal(first, drawn(other, 1500)) and torch.equal(second, drawn(other, 1500))
    assert len(set(first.tolist()) & set(second.tolist())) < 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 1024, 2500])
def test_added_to_weights_they_are_what_they_are(size, dtype):
    draw = Normals(5).draw(torch.Size([size]))
    weight, memory = torch.randn(size, dtype=dtype), torch.full((size + 20,), torch.nan, dtype=dtype)
    for constant, relative in ((0.3, 0.0), (0.0, 0.2)):
        draw.added_to(weight, constant, relative, memory[10:-10])
        expected = weight + (constant + relative * weight.abs()) * draw.numbers().to(dtype)
        torch.testing.assert_close(memory[10:-10], expected)
    assert memory[:10].isnan().all() and memory[-10:].isnan().all()


@pytest.mark.parametrize("seed", range(5))
def test_moments_are_those_of_a_standard_normal(seed):
    numbers = drawn(Normals(seed), 4 * MILLION).double().numpy()
    size = len(numbers)
    errors = {
        "mean": numbers.mean() * size**0.5,
        "variance": (numbers.var() - 1) * (size / 2) ** 0.5,
        "skewness": stats.skew(numbers) * (size / 6) ** 0.5,
        "kurtosis": stats.kurtosis(numbers) * (size / 24) ** 0.5,
    }
    assert all(abs(error) < 4.5 for error in errors.values()), errors  # in standard errors


@pytest.mark.parametrize("seed", range(5))
def test_the_distribution_is_standard_normal_as_that_of_randn(seed):
    numbers = drawn(Normals(seed)).numpy()
    reference = torch.randn(MILLION, generator=torch.Generator().manual_seed(seed)).numpy()
    assert stats.kstest(numbers.astype(float), "norm").pvalue > 1e-4
    assert stats.ks_2samp(numbers, reference).pvalue > 1e-4


@pytest.mark.parametrize("beyond", [2.0, 3.0, 4.0, 5.0])
def test_the_tails_have_their_weight(beyond):
    size = 32 * MILLION
    found = (drawn(Normals(1), size).abs() > beyond).sum().item()
    expected = size * 2 * stats.norm.sf(beyond)
    assert abs(found - expected) < 4.5 * expected**0.5


def test_the_two_numbers_of_a_pair_have_any_direction():
    tiles = drawn(Normals(2)).view(-1, 4, 256).double()
    angles = torch.atan2(tiles[:, 1::2], tiles[:, 0::2]).flatten().numpy()
    counts = np.histogram(angles, bins=64, range=(-np.pi, np.pi))[0]
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("transform", [lambda z: z, abs, torch.sign], ids=["value", "size", "sign"])
def test_numbers_at_any_distance_are_uncorrelated(transform):
    numbers = transform(drawn(Normals(4))).double()
    numbers = (numbers - numbers.mean()) / numbers.std()
    power = torch.fft.rfft(numbers, 2 * MILLION).abs() ** 2
    correlation = torch.fft.irfft(power)[1 : MILLION // 2]
    errors = correlation / (MILLION - torch.arange(1, MILLION // 2)).sqrt()
    assert errors.abs().max() < 6.5  # in standard errors, of half a million distances
    assert abs(errors.std() - 1) < 0.02


def test_draws_seeds_and_purposes_are_uncorrelated():
    stream = streams.normals(0, "sweep", 0)
    rows = [drawn(stream) for _ in range(4)]
    rows += [drawn(streams.normals(seed, "sweep", 0)) for seed in (1, 2, 3)]
    rows += [drawn(streams.normals(0, "sweep", 1)), drawn(streams.normals(0, "weight_noise", 0))]
    for values in (torch.stack(rows), torch.stack(rows).abs()):
        correlation = torch.corrcoef(values.double()) - torch.eye(len(rows))
        assert correlation.abs().max() < 4.5 / MILLION**0.5


def test_the_mean_of_many_draws_is_as_small_as_it_must_be():
    stream = Normals(6)
    total = sum(drawn(stream).double() for _ in range(64))
    assert abs(total.sum()) < 4.5 * (64 * MILLION) ** 0.5
    assert stats.kstest(total.numpy() / 8, "norm").pvalue > 1e-4
