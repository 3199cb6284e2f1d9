import torch

from nnet import streams
from nnet.pixel_noise import replace_pixels


def corrupt(images, p, index=1):
    return replace_pixels(images, p, streams.generator(0, "pixels", index))


def test_p_is_the_share_of_replaced_pixels_and_new_values_are_uniform():
    images = torch.full((50, 2, 100, 100), 2.0)
    corrupted = corrupt(images, 0.3)
    replaced = corrupted[corrupted != 2]
    assert abs(len(replaced) / images.numel() - 0.3) < 0.002
    assert 0 <= replaced.min() and replaced.max() < 1
    counts = torch.histc(replaced, bins=10, min=0, max=1) / len(replaced)
    assert (counts - 0.1).abs().max() < 0.003
    assert torch.equal(images, torch.full((50, 2, 100, 100), 2.0))


def test_p_zero_is_the_identity_and_draws_nothing():
    images = torch.rand(4, 1, 5, 5)
    generator = streams.generator(0, "pixels", 1)
    assert torch.equal(replace_pixels(images, 0, generator), images)
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=streams.generator(0, "pixels", 1)))


def test_p_one_replaces_everything():
    assert (corrupt(torch.full((4, 1, 20, 20), 2.0), 1.0) < 1).all()


def test_each_epoch_is_corrupted_anew():
    images = torch.full((4, 1, 20, 20), 2.0)
    assert not torch.equal(corrupt(images, 0.5, 1), corrupt(images, 0.5, 2))
