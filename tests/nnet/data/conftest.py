"""A cache folder of its own for a test of prepared data."""

from pathlib import Path

import pytest


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"
