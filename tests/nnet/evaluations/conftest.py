"""A small network that the tests of evaluations share."""

import pytest
import torch

from nnet_models import build_model
from tests.conftest import blobs, learn


@pytest.fixture(scope="module")
def network():
    """A network that has learnt the blobs, its test images and their labels."""
    torch.manual_seed(0)
    model = build_model("mlp_small", image_shape=(3, 8, 8), num_classes=3)
    images, labels = blobs(300, channels=3, contrast=25)
    x, y = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    learn(model, x, y, steps=40, rate=2e-3)
    images, labels = blobs(301, channels=3, seed=7, contrast=25)
    return model.eval(), torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
