"""From images in memory to the batches of a run: order, corruption, pixels in [0, 1]."""

from collections.abc import Iterator

import torch

from nnet import registry, streams
from nnet.config import TrainConfig
from nnet.data import Images
from nnet.models import input_channels
from nnet.pixel_noise import PixelNoise

Batch = tuple[torch.Tensor, torch.Tensor]


class Batches:
    """The training and test batches of one run, on its device.

    A batch is (images, labels): float32 B×C×H×W in [0, 1] and int64 B. Images of one channel are repeated to
    the number of channels that the architecture states.
    """

    def __init__(self, cfg: TrainConfig, images: Images, device: torch.device):
        self.cfg, self.images, self.device = cfg, images, device
        self.evaluation_batch = registry.constant("architectures", cfg.arch, "EVALUATION_BATCH", 128)
        self.channels = input_channels(cfg.arch, images.shape[0])
        self.x_train, self.y_train = images.x_train.to(device), images.y_train.to(device)
        self.x_test, self.y_test = images.x_test.to(device), images.y_test.to(device)
        self.train_size = len(images.y_train[: cfg.max_train_samples])
        self.test_size = len(images.y_test)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images as the network gets them."""
        return (self.channels, *self.images.shape[1:])

    def train(self, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch, counted from 1: a fresh order and fresh corruption, the same for every regime.

        A last batch of a single image joins the one before it: batch normalisation cannot train on one image.
        """
        order = torch.randperm(self.train_size, generator=streams.generator(self.cfg.seed, "order", epoch))
        parts = list(order.to(self.device).split(self.cfg.batch_size))
        if len(parts) > 1 and len(parts[-1]) == 1 < self.cfg.batch_size:
            parts[-2:] = [torch.cat(parts[-2:])]
        corrupt = self._corruption("pixels", epoch)
        for part in parts:
            pixels = corrupt(self._pixels(self.x_train.index_select(0, part)))
            yield self._repeated(pixels), self.y_train[part]

    def test(self) -> Iterator[Batch]:
        """The test images in their order, clean unless `corrupt_test` is set; the last batch may be short."""
        images = self.x_test
        if self.cfg.corrupt_test:
            images = self._corruption("test_pixels")(self._pixels(images))
        parts = zip(images.split(self.evaluation_batch), self.y_test.split(self.evaluation_batch), strict=True)
        for images, labels in parts:
            yield self._repeated(images if self.cfg.corrupt_test else self._pixels(images)), labels

    def _corruption(self, purpose: str, epoch: int = 0) -> PixelNoise:
        cfg, seed = self.cfg, streams.seed_of(self.cfg.seed, purpose, epoch)
        return PixelNoise(cfg.corruption, cfg.p, cfg.options.get("sigma", 0.0), seed, self.device)

    @staticmethod
    def _pixels(images: torch.Tensor) -> torch.Tensor:
        return images.float().div_(255)

    def _repeated(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels.expand(-1, self.channels, -1, -1)
