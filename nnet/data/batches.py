"""From images or sequences in memory to the batches of a run: order, augmentation, corruption, pixels in [0, 1]."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch

from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data.images import crop_flip, cutout
from nnet.data.prepared import Images, kind_of, stratified_order
from nnet.perturbations.pixel_noise import PixelNoise
from nnet.random import streams

Batch = tuple[torch.Tensor, torch.Tensor]
GPU_BATCH = 500
"""Images per batch at evaluation on a GPU, unless the architecture states more: small batches leave a GPU idle."""


class Batches:
    """The batches of one run, of training, validation and test images, on its device.

    A batch is (images, labels): float32 B×C×H×W in [0, 1], or sequences B×T×C, and int64 B. Images with one channel are
    repeated to the number of channels that the architecture states as `CHANNELS`.
    """

    def __init__(self, cfg: TrainConfig, images: Images, device: torch.device):
        self.cfg, self.images, self.device = cfg, images, device
        stated = registry.constant("architectures", cfg.arch, "EVALUATION_BATCH", 128)
        self.evaluation_batch = max(GPU_BATCH, stated) if device.type == "cuda" else stated
        self.channels = registry.constant("architectures", cfg.arch, "CHANNELS", 1)
        self.kind = kind_of(images.x_train)
        self.x_train, self.y_train = images.x_train.to(device), images.y_train.to(device)
        x_test, y_test = subset(images.x_test, images.y_test, cfg.max_test_samples)
        self.x_test, self.y_test = x_test.to(device), y_test.to(device)
        self.watched = round(cfg.validation_share * len(images.y_train))
        if cfg.validation_share > 0 and self.watched == 0:
            raise ConfigError(
                f"validation_share {cfg.validation_share:g} of {len(images.y_train)} images is less than one image"
            )
        self.first_watched = len(images.y_train) - self.watched
        self.train_size = min(self.first_watched, cfg.max_train_samples or self.first_watched)
        self.test_size = len(self.y_test)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(C, H, W) of the network's input, or (T, C)."""
        return self.kind.sample_shape(self.images.x_train, self.channels)

    @property
    def steps(self) -> int:
        """Batches of an epoch: a last batch of a single image joins the one before it (see `train`)."""
        whole, rest = divmod(self.train_size, self.cfg.batch_size)
        return max(1, whole + (rest > 1 or rest == self.cfg.batch_size == 1))

    def train(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch, counted from 1: fresh order, augmentation, corruption, the same for every regime.

        A last batch of a single image joins the one before it: batch normalisation cannot train on one image.
        """
        order = torch.randperm(self.train_size, generator=streams.generator(self.cfg.seed, "order", epoch))
        parts = list(order.to(self.device).split(self.cfg.batch_size))
        if len(parts) > self.steps:
            parts[-2:] = [torch.cat(parts[-2:])]
        augment = self._augmentation(epoch)
        corrupt = self._corruption("pixels", epoch)
        for part in parts:
            images = corrupt(self.kind.inputs(augment(self.x_train.index_select(0, part))))
            yield self.kind.repeated(images, self.channels), self.y_train[part]

    def validation(self) -> Iterator[Batch]:
        """The held-out clean training images in their order; none at `validation_share` 0."""
        return self._evaluation(self.x_train[self.first_watched :], self.y_train[self.first_watched :])

    def test(self) -> Iterator[Batch]:
        """The test images in their order, corrupted only with `corrupt_test`; the last batch may be short."""
        if self.cfg.corrupt_test:
            return self._evaluation(self._corruption("test_pixels")(self.kind.inputs(self.x_test)), self.y_test)
        return self._evaluation(self.x_test, self.y_test)

    def all_test(self) -> Iterator[Batch]:
        """All test images in their order, as they are in the dataset, whatever the settings of measurements."""
        return self._evaluation(self.images.x_test, self.images.y_test)

    def _evaluation(self, images: torch.Tensor, labels: torch.Tensor) -> Iterator[Batch]:
        if len(labels) == 0:
            return
        for part, of_part in zip(images.split(self.evaluation_batch), labels.split(self.evaluation_batch), strict=True):
            part = part.to(self.device)  # noqa: PLW2901
            yield self.kind.repeated(self.kind.inputs(part), self.channels), of_part.to(self.device)

    def _augmentation(self, epoch: int) -> Callable[[torch.Tensor], torch.Tensor]:
        if self.cfg.augmentation == "none":
            return lambda images: images
        crop = functools.partial(crop_flip, generator=streams.generator(self.cfg.seed, "augment", epoch))
        if self.cfg.augmentation == "crop_flip":
            return crop
        squares = streams.generator(self.cfg.seed, "cutout", epoch)
        colour = (255 * torch.tensor(self.images.mean)).round().to(torch.uint8).to(self.device)
        return lambda images: cutout(crop(images), colour, squares)

    def _corruption(self, purpose: str, epoch: int = 0) -> PixelNoise:
        cfg, seed = self.cfg, streams.seed_of(self.cfg.seed, purpose, epoch)
        return PixelNoise(cfg.corruption, cfg.p, cfg.options_of(cfg.corruption).get("sigma", 0.0), seed, self.device)


def subset(images: torch.Tensor, labels: torch.Tensor, most: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """All images, or a class-balanced subset of `most` images in their own order."""
    if most is None or most >= len(labels):
        return images, labels
    chosen = torch.from_numpy(np.sort(stratified_order(labels.numpy())[:most]))
    return images[chosen], labels[chosen]
