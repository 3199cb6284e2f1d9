"""Shared by the tests of planning."""

import pytest

from campaign.engines.workers import pilot
from nnet.config import TrainConfig


@pytest.fixture
def configs(npz, tmp_path, monkeypatch):
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    return [
        TrainConfig(dataset=npz, image_size=8, arch=arch, seed=seed, epochs=3, batch_size=16, alpha_tests=(0, 0.1))
        for arch in ("pixel_mlp", "pixel_cnn") for seed in (0, 1)
    ]  # fmt: skip


@pytest.fixture
def quiet(monkeypatch):
    """However busy this machine is, what is measured here is remembered."""
    monkeypatch.setattr(pilot, "QUIET", 0.0)
