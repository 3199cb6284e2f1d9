"""Finished runs as tidy tables and as labelled arrays."""

import itertools
import sys

import pytest

import campaign
from campaign.store.folder import Store
from nnet.checks import ConfigError
from tests.campaign.analysis.making import result

CELLS = list(itertools.product(("cnn", "mlp_small"), ("clean", "noisy"), (0, 1, 2)))


def accuracy(arch: str, regime: str, seed: int) -> float:
    return 0.6 + 0.1 * (arch == "cnn") + 0.05 * (regime == "noisy") + 0.01 * seed


@pytest.fixture
def folder(tmp_path):
    """Two networks, two regimes, three seeds; each has two epochs, the accuracy 0.9 at 0 and `accuracy` at 0.1."""
    store = Store(tmp_path / "digits")
    for arch, regime, seed in CELLS:
        run = result(seed, (0.9, accuracy(arch, regime, seed)), arch=arch, regime=regime, alpha_train=0.2)
        history = [{"epoch": epoch, "train_loss": seed + 1 / epoch, "flags": []} for epoch in (1, 2)]
        store.save(run | {"history": history})
    return tmp_path


def test_a_row_is_a_run_a_point_or_an_epoch(folder):
    runs, points, epochs = (campaign.load(folder, rows=rows) for rows in ("runs", "points", "epochs"))
    assert (len(runs), len(points), len(epochs)) == (12, 24, 24)
    for place, cell in points.groupby(["architecture", "regime", "seed"]):
        assert cell["alpha_test"].tolist() == [0, 0.1] and cell["noise_samples"].tolist() == [1, 5]
        assert cell["acc"].tolist() == pytest.approx([0.9, accuracy(*place)])
        assert set(cell["learning_rate"]) == {0.001} and set(cell["evaluation"]) == {"weight_noise"}
    assert epochs.query("seed == 2 and epoch == 2")["train_loss"].tolist() == [2.5] * 4
    assert not {"acc_0", "acc_01"} & {*points, *epochs} and "git_commit" in points
    assert len(campaign.load(folder, {"alpha_test": 0.1, "regimes": "noisy"}, rows="points")) == 6
    with pytest.raises(ConfigError, match="unknown rows 'point'; choose from .*points"):
        campaign.load(folder, rows="point")


def test_an_array_has_a_dimension_per_setting_that_varies(folder):
    pytest.importorskip("xarray")
    arrays = campaign.to_xarray(folder)
    assert dict(arrays.sizes) == {"architecture": 2, "regime": 2, "seed": 3, "alpha_test": 2}
    for arch, regime, seed in CELLS:
        cell = arrays.sel(architecture=arch, regime=regime, seed=seed)
        assert cell["acc"].sel(alpha_test=0.1) == pytest.approx(accuracy(arch, regime, seed))
        assert cell["drop"].sel(alpha_test=0.1) == pytest.approx(0.9 - accuracy(arch, regime, seed))
    assert arrays["alpha_train"].sel(regime="noisy") == 0.2 and arrays["alpha_train"].dims == ("regime",)
    assert arrays.attrs["epochs"] == 10 and arrays.attrs["nesterov"] == "false"
    assert campaign.to_xarray(folder, rows="runs")["acc_01"].dims == ("architecture", "regime", "seed")
    epochs = campaign.to_xarray(folder, {"arch": "cnn"}, rows="epochs")
    assert epochs["train_loss"].sel(regime="clean", seed=1).values.tolist() == [2, 1.5] and "flags" not in epochs


def test_cells_without_a_run_are_nan_and_settings_without_a_value_are_none(tmp_path):
    pytest.importorskip("xarray")
    store = Store(tmp_path / "digits")
    for seed, clip, p in ((0, None, 0.0), (0, 2.0, 0.0), (1, None, 0.0), (0, None, 0.3)):
        store.save(result(seed, weight_clip=clip, p=p))
    acc = campaign.to_xarray(tmp_path, {"alpha_test": 0.1})["acc"].squeeze("alpha_test")
    assert acc.dims == ("p", "weight_clip", "seed") and list(acc["weight_clip"].values) == ["2", "none"]
    assert int(acc.notnull().sum()) == 4 and acc.sel(p=0.3, weight_clip="2").isnull().all()


def test_a_run_in_two_folders_has_no_place_in_an_array(tmp_path):
    pytest.importorskip("xarray")
    for name in ("one", "two"):
        Store(tmp_path / name / "digits").save(result(0))
    with pytest.raises(ConfigError, match=f"has {result(0)['run_id']} in several folders: name one of them"):
        campaign.to_xarray(tmp_path)
    assert campaign.to_xarray(tmp_path / "one")["acc"].size == 2


def test_without_xarray_one_sentence_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(
        ConfigError, match="^to_xarray needs the package xarray: pip install -r requirements-export.txt$"
    ):
        campaign.to_xarray(folder)
