import torch

from nnet.random import streams


def draw(*name):
    return torch.randn(1000, generator=streams.generator(*name))


def test_a_stream_is_the_same_each_time():
    assert torch.equal(draw(3, "order", 2), draw(3, "order", 2))


def test_streams_of_other_seeds_purposes_and_indices_are_independent():
    names = [(0, "order", 1), (1, "order", 1), (0, "sweep", 1), (0, "order", 2), (0, "order", 11), (10, "order", 1)]
    drawn = torch.stack([draw(*name) for name in names]).double()
    correlation = torch.corrcoef(drawn) - torch.eye(len(names))
    assert correlation.abs().max() < 0.15


def test_the_process_wide_generator_is_not_touched():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    draw(0, "sweep", 0)
    assert torch.equal(torch.rand(3), expected)
