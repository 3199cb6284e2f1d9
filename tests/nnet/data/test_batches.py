"""The batches of a run: augmentation, validation images, how many there are."""

import numpy as np
import pytest
import torch

from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.data.images import crop_flip, cutout
from nnet.random import streams
from tests.conftest import save_npz

CPU = torch.device("cpu")


def batches(dataset, **changed) -> Batches:
    cfg = TrainConfig(**dict(dataset=dataset, image_size=8, arch="pixel_mlp", batch_size=16) | changed)
    return Batches(cfg, prepared.load(cfg.dataset, cfg.image_size, "data"), CPU)


def contents(of) -> list[bytes]:
    return [image.numpy().tobytes() for images, _ in of for image in images]


def plain_places(images: torch.Tensor, crop: torch.Tensor) -> list[tuple[int, int, bool]]:
    """Every (row, column, mirrored) from which one image of C×H×W, padded by 4, gives this crop."""
    channels, height, width = images.shape
    padded = np.zeros((channels, height + 8, width + 8), np.uint8)
    padded[:, 4:-4, 4:-4] = images.numpy()
    parts = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2)).transpose(1, 2, 0, 3, 4)
    places = []
    for mirrored, candidates in ((False, parts), (True, parts[..., ::-1])):
        rows, columns = (candidates == crop.numpy()).all((2, 3, 4)).nonzero()
        places += [(row, column, mirrored) for row, column in zip(rows, columns, strict=True)]
    return places


def test_crops_and_mirror_images_are_those_of_the_padded_image_and_all_are_equally_likely():
    torch.manual_seed(0)
    images = torch.randint(1, 256, (3000, 2, 6, 5), dtype=torch.uint8)
    made = crop_flip(images, torch.Generator().manual_seed(1))
    assert made.shape == images.shape and made.dtype == torch.uint8
    places = [plain_places(image, crop) for image, crop in zip(images, made, strict=True)]
    assert all(len(place) == 1 for place in places)
    rows, columns, mirrored = np.array([place[0] for place in places]).T
    for values, kinds in ((rows, 9), (columns, 9), (mirrored, 2)):
        counts = np.bincount(values, minlength=kinds)
        expected = len(images) / kinds
        assert ((counts - expected) ** 2 / expected).sum() < {9: 26.1, 2: 10.8}[kinds]  # chi-squared, p = 0.001
    assert abs(np.corrcoef(rows, columns)[0, 1]) < 0.06 and abs(np.corrcoef(rows, mirrored)[0, 1]) < 0.06


def test_cutout_paints_one_square_around_a_pixel_that_may_be_any():
    images, colour = torch.zeros((3000, 2, 8, 8), dtype=torch.uint8), torch.tensor([7, 9], dtype=torch.uint8)
    made = cutout(images, colour, torch.Generator().manual_seed(1))
    centres = np.zeros((8, 8))
    for image in made:
        painted = (image != 0).numpy()
        assert (painted[0] == painted[1]).all() and set(image.unique().tolist()) <= {0, 7, 9}
        fitting = [
            (row, column)
            for row in range(8)
            for column in range(8)
            if painted[0].sum() == painted[0, max(0, row - 2) : row + 2, max(0, column - 2) : column + 2].sum()
            and painted[0].sum() == (min(8, row + 2) - max(0, row - 2)) * (min(8, column + 2) - max(0, column - 2))
        ]
        assert len(fitting) == 1
        centres[fitting[0]] += 1
    expected = len(images) / 64
    assert ((centres - expected) ** 2 / expected).sum() < 103.4  # chi-squared with 63 degrees of freedom, p = 0.001


def test_cutout_follows_the_crop_with_the_mean_colour(npz):
    cropped, cut = (next(batches(npz, augmentation=name).train(1))[0] for name in ("crop_flip", "crop_flip_cutout"))
    changed = cropped != cut
    assert 0.05 < changed.float().mean() < 0.3
    assert len(cut[changed].unique()) == 1


def test_augmentation_has_a_stream_of_its_own_and_is_fresh_in_every_epoch(npz):
    plain, augmented = batches(npz), batches(npz, augmentation="crop_flip")
    first, again, second = (contents(augmented.train(epoch)) for epoch in (1, 1, 2))
    assert first == again and set(first).isdisjoint(second)
    assert contents(augmented.test()) == contents(plain.test())
    for (images, labels), (changed, same) in zip(plain.train(1), augmented.train(1), strict=True):
        assert torch.equal(labels, same) and not torch.equal(images, changed)
    images, _ = next(plain.train(1))
    expected = crop_flip((images * 255).round().to(torch.uint8), streams.generator(0, "augment", 1))
    assert torch.equal(next(augmented.train(1))[0], expected.float() / 255)


def test_corruption_of_pixels_comes_after_augmentation(npz):
    both = batches(npz, augmentation="crop_flip", p=0.3)
    augmented = contents(batches(npz, augmentation="crop_flip").train(1))
    pairs = zip(contents(both.train(1)), augmented, strict=True)
    changed = [np.frombuffer(a, np.float32) != np.frombuffer(b, np.float32) for a, b in pairs]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.03)


def test_validation_images_are_the_last_of_training_stratified_and_the_same_for_all_runs(npz):
    whole = batches(npz)
    held = batches(npz, validation_share=0.25)
    assert (held.train_size, held.watched, held.test_size) == (72, 24, 48)
    watched = contents(held.validation())
    assert len(watched) == len(set(watched)) == 24
    assert set(watched).isdisjoint(contents(held.train(1))) and set(watched).isdisjoint(contents(held.test()))
    assert set(watched) | set(contents(held.train(1))) == set(contents(whole.train(1)))
    counts = torch.bincount(torch.cat([labels for _, labels in held.validation()]))
    assert counts.tolist() == [8, 8, 8]
    for changed in ({"seed": 7}, {"max_train_samples": 10}, {"epochs": 3, "regime": "noisy"}, {"p": 0.5}):
        assert contents(batches(npz, validation_share=0.25, **changed).validation()) == watched
    assert batches(npz, validation_share=0.25, max_train_samples=90).train_size == 72
    assert list(whole.validation()) == [] and contents(held.test()) == contents(whole.test())


def test_the_split_of_cifars_size_holds_back_500_images_of_each_class(tmp_path):
    labels = np.repeat(np.arange(10), 5000)
    images = np.arange(50000, dtype=np.uint16).view(np.uint8).reshape(50000, 1, 1, 2)
    path = save_npz(
        tmp_path / "c.npz", x_train=np.repeat(images, 2, axis=2), y_train=labels, x_test=images[:10].repeat(2, axis=2),
        y_test=np.arange(10),
    )  # fmt: skip
    made = batches(path, image_size=None, validation_share=0.1, batch_size=128)
    assert (made.train_size, made.watched, made.steps) == (45000, 5000, 352)
    counts = torch.bincount(torch.cat([labels for _, labels in made.validation()]))
    assert counts.tolist() == 10 * [500]


@pytest.mark.parametrize("images", [1, 2, 15, 16, 17, 18, 33, 96])
@pytest.mark.parametrize("batch_size", [1, 16, 200])
def test_steps_counts_the_batches(npz, images, batch_size):
    made = batches(npz, max_train_samples=images, batch_size=batch_size)
    assert made.steps == len(list(made.train(1)))


def test_a_share_that_is_no_image_is_refused(npz):
    with pytest.raises(ValueError, match="validation_share 0.001 of 96 images is less than one image"):
        batches(npz, validation_share=0.001)


def test_mean_and_std_are_those_of_all_training_images(npz):
    images = prepared.load(npz, 8, "data")
    pixels = images.x_train.double() / 255
    assert images.mean == pytest.approx([pixels.mean().item()], rel=1e-12)
    assert images.std == pytest.approx([pixels.std(correction=0).item()], rel=1e-12)


def test_fewer_test_images_are_a_stratified_subset_in_their_order_and_leave_all_of_them_alone(npz):
    whole, few = batches(npz), batches(npz, max_test_samples=9, corrupt_test=True, p=0.5)
    assert (whole.test_size, few.test_size) == (48, 9)
    chosen = batches(npz, max_test_samples=9)
    assert torch.bincount(torch.cat([labels for _, labels in chosen.test()])).tolist() == [3, 3, 3]
    all_of_them = contents(whole.test())
    places = [all_of_them.index(image) for image in contents(chosen.test())]
    assert places == sorted(places) and contents(batches(npz, max_test_samples=9, seed=7).test()) == contents(
        chosen.test()
    )
    assert contents(few.all_test()) == all_of_them and contents(batches(npz, max_test_samples=99).test()) == all_of_them
