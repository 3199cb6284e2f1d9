"""Corruption of pixels against a plain reference, against its distribution, and in runs."""

import numpy as np
import pytest
import torch
from scipy import stats

from nnet.config import TrainConfig
from nnet.data import batches, prepared
from nnet.perturbations.pixel_noise import PixelNoise
from nnet.random import streams
from nnet_models import train_and_evaluate
from tests.conftest import blobs, save_npz
from tests.nnet.random.test_normals import plain_philox

ANY = 2.0
"""A value that no uniform number has: what still has it was not replaced."""


def corrupted(images, p, corruption="replacement", sigma=0.0, seed=1):
    return PixelNoise(corruption, p, sigma, seed)(images)


def plain(images, p, corruption, sigma, seed):
    """Pixel by pixel: in a tile of 512, pixels n and n + 256 share the words of one place."""
    pixels, answer = images.flatten().tolist(), []
    for number, pixel in enumerate(pixels):
        tile, within = divmod(number, 512)
        words = plain_philox((tile * 256 + within % 256, 0, 0, 0), (seed % 2**32, seed >> 32))
        decision, word = words[:2] if within < 256 else words[2:]
        uniform = (word >> 8) / 2**24
        if decision / 2**32 < p:
            pixel = uniform if corruption == "replacement" else min(max(pixel + sigma * (uniform - 0.5), 0), 1)
        answer.append(pixel)
    return torch.tensor(answer, dtype=torch.float32).view(images.shape)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 2, 11, 7), (2, 3, 28, 28)])
@pytest.mark.parametrize("p", [0.001, 0.3, 1])
@pytest.mark.parametrize(("corruption", "sigma"), [("replacement", 0.0), ("additive", 0.7), ("additive", 0)])
def test_it_is_the_plain_reference(shape, p, corruption, sigma):
    images = torch.rand(shape)
    before = images.clone()
    torch.testing.assert_close(
        corrupted(images, p, corruption, sigma, 2**40 + 5), plain(images, p, corruption, sigma, 2**40 + 5)
    )
    assert torch.equal(images, before)


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.8])
def test_the_share_of_replaced_pixels_is_p_and_they_are_uniform(p):
    size = 10**7
    noisy = corrupted(torch.full((10, 1, 1000, 1000), ANY), p)
    replaced = noisy[noisy != ANY]
    assert abs(len(replaced) / size - p) < 3 * (p * (1 - p) / size) ** 0.5
    assert 0 <= replaced.min() and replaced.max() < 1
    assert stats.kstest(replaced.double().numpy()[: 10**6], "uniform").pvalue > 1e-3


def test_p_one_replaces_everything():
    noisy = corrupted(torch.full((20, 1, 28, 28), ANY), 1)
    assert (noisy < 1).all() and stats.kstest(noisy.flatten().double().numpy(), "uniform").pvalue > 1e-3


def test_p_zero_is_the_identity_and_draws_nothing():
    noise, images = PixelNoise("replacement", 0, 0.0, 1), torch.rand(4, 1, 5, 5)
    assert noise(images) is images and noise.place == 0


def test_masks_and_values_are_independent_of_each_other_and_of_neighbours():
    noisy = corrupted(torch.full((1, 1, 1000, 1000), ANY), 0.5)
    mask = (noisy != ANY).double().flatten()
    rows = [mask[:-300], mask[1:-299], mask[28:-272], mask[256:-44]]
    assert (torch.corrcoef(torch.stack(rows)) - torch.eye(4)).abs().max() < 4.5e-3
    values = noisy[noisy != ANY].double()
    assert torch.corrcoef(torch.stack([values[:-1], values[1:]]))[0, 1].abs() < 6e-3


def test_additive_noise_is_uniform_around_the_pixel_and_stays_in_range():
    noisy = corrupted(torch.full((100, 1, 100, 100), 0.5), 1, "additive", 0.6).double()
    assert stats.kstest((noisy.flatten().numpy() - 0.5) / 0.6 + 0.5, "uniform").pvalue > 1e-3
    edge = corrupted(torch.tensor([0.0, 1.0]).repeat(1, 1, 1, 5000), 1, "additive", 3)
    assert edge.min() == 0 and edge.max() == 1


def test_successive_batches_seeds_and_epochs_differ_and_larger_p_only_adds():
    images = torch.full((4, 1, 28, 28), ANY)
    noise = PixelNoise("replacement", 0.5, 0.0, streams.seed_of(0, "pixels", 1))
    draws = [noise(images), noise(images)]
    draws += [corrupted(images, 0.5, seed=streams.seed_of(*name)) for name in ((0, "pixels", 2), (1, "pixels", 1))]
    assert len({draw.numpy().tobytes() for draw in draws}) == 4
    more = PixelNoise("replacement", 0.7, 0.0, streams.seed_of(0, "pixels", 1))(images)
    assert ((draws[0] == more) | (draws[0] == ANY)).all()


def seen(cfg, epoch) -> torch.Tensor:
    """The training images of one epoch in the order of the dataset, as the network gets them."""
    made = batches.Batches(cfg, prepared.load(cfg.dataset, cfg.image_size, cfg.data_dir), torch.device("cpu"))
    order = torch.randperm(made.train_size, generator=streams.generator(cfg.seed, "order", epoch))
    images = torch.cat([images for images, _ in made.train(epoch)])
    return images[order.argsort()]


def test_every_epoch_has_other_masks_and_repeated_channels_are_corrupted_alike(npz):
    cfg = TrainConfig(dataset=npz, image_size=8, arch="mlp_small", p=0.5)
    clean, one, other = seen(TrainConfig(dataset=npz, image_size=8, p=0), 1), seen(cfg, 1), seen(cfg, 2)
    assert abs((one != clean).double().mean() - 0.5) < 0.02 and not torch.equal(one != clean, other != clean)
    assert torch.equal(one[:, 0], one[:, 1]) and torch.equal(one[:, 0], one[:, 2])


def test_the_channels_of_a_colour_image_are_corrupted_each_by_itself(tmp_path):
    colour = dict(zip(("x_train", "y_train"), blobs(96, channels=3), strict=True))
    path = save_npz(tmp_path / "colour.npz", **colour, x_test=blobs(48, channels=3)[0])
    clean, noisy = (seen(TrainConfig(dataset=path, image_size=8, p=p), 1) for p in (0, 0.5))
    changed = clean != noisy
    assert not torch.equal(changed[:, 0], changed[:, 1]) and not torch.equal(changed[:, 1], changed[:, 2])


def images_of_the_test(npz, **changed) -> torch.Tensor:
    cfg = TrainConfig(dataset=npz, image_size=8, **changed)
    made = batches.Batches(cfg, prepared.load(npz, 8, cfg.data_dir), torch.device("cpu"))
    return torch.cat([images[:, 0] for images, _ in made.test()])


def test_test_images_are_clean_unless_corrupt_test_is_set_and_then_the_same_for_every_network(npz):
    clean = images_of_the_test(npz, p=0.5)
    assert torch.equal(clean, images_of_the_test(npz))
    noisy = images_of_the_test(npz, p=0.5, corrupt_test=True)
    assert abs((noisy != clean).double().mean() - 0.5) < 0.05
    for same in (dict(arch="cnn"), dict(activation="tanh"), dict(regime="noisy", alpha_train=0.3), dict(epochs=2)):
        assert torch.equal(images_of_the_test(npz, p=0.5, corrupt_test=True, **same), noisy)
    assert not torch.equal(images_of_the_test(npz, p=0.5, corrupt_test=True, seed=1), noisy)


def test_corruption_shows_in_the_results(npz):
    small = dict(dataset=npz, image_size=8, arch="pixel_mlp", epochs=6, batch_size=16, alpha_tests=(0,))
    clean, mild, random = (train_and_evaluate(TrainConfig(**small, p=p)) for p in (0, 0.2, 1))
    assert clean["acc_0"] > 0.9 and mild["acc_0"] > 0.9 and random["acc_0"] < 0.7
    assert clean["history"][-1]["train_loss"] < mild["history"][-1]["train_loss"] < random["history"][-1]["train_loss"]
    blind = train_and_evaluate(TrainConfig(**small, p=1, corrupt_test=True))
    assert blind["asked"]["corrupt_test"] is True and clean["asked"]["corrupt_test"] is False
    assert blind["run_id"] == random["run_id"] and blind["config"] == random["config"]
    assert blind["acc_0"] < 0.6 and blind["sha256"]["weights"] == random["sha256"]["weights"]
    added = train_and_evaluate(TrainConfig(**small, p=1, corruption="additive", options={"additive": {"sigma": 0.5}}))
    assert added["acc_0"] > 0.9 and np.isfinite(added["test_loss"])
