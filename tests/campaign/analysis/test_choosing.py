"""The best value of a setting is chosen by validation images alone."""

import dataclasses

import pytest

import campaign
from campaign.store.folder import Store
from nnet.checks import ConfigError
from tests.campaign.stub import run_of
from tests.conftest import small_run

RATES = [1e-4, 1e-3, 1e-2]
VALIDATION = {"clean": (0.7, 0.9, 0.8), "noisy": (0.6, 0.5, 0.7)}
"""The accuracy of each rate on validation images; on test images the order is another one."""


@pytest.fixture
def tried(npz, tmp_path):
    """Two regimes at three learning rates with two seeds, finished."""
    base = small_run(npz, validation_share=0.25)
    runs = campaign.product(base, regime=["clean", "noisy"], alpha_train=0.2, learning_rate=RATES, seed=[0, 1])
    for run in runs:
        accuracy = VALIDATION[run.regime][RATES.index(run.learning_rate)] + 0.05 * (run.seed - 0.5)
        save(tmp_path, run, val_acc_last=accuracy)
    return runs


def save(folder, run, **changed) -> None:
    Store(folder / "blobs").save(run_of(run, accuracy=1 - 10 * run.learning_rate, **changed))


def chosen(runs, folder) -> dict:
    return {run.regime: run.learning_rate for run in campaign.best_by_validation(runs, folder, "learning_rate")}


def test_each_regime_has_its_best_rate_with_all_seeds(tried, tmp_path):
    best = campaign.best_by_validation(tried, tmp_path)
    assert [(run.regime, run.learning_rate, run.seed) for run in best] == [
        *[("clean", 1e-3, seed) for seed in (0, 1)], *[("noisy", 1e-2, seed) for seed in (0, 1)],
    ]  # fmt: skip
    assert all(run in tried for run in best)


def test_a_diverged_run_counts_as_nothing(tried, tmp_path):
    diverged = next(run for run in tried if run.regime == "clean" and run.learning_rate == 1e-3)
    save(tmp_path, diverged, status="diverged", diverged_epoch=1, val_acc_last=0.99, measurements=[])
    assert chosen(tried, tmp_path) == {"clean": 1e-2, "noisy": 1e-2}


def test_of_equal_means_the_first_counts(tried, tmp_path):
    for run in tried:
        save(tmp_path, run, val_acc_last=0.5)
    assert chosen(tried, tmp_path) == {"clean": 1e-4, "noisy": 1e-4}
    assert chosen(tried[::-1], tmp_path) == {"clean": 1e-2, "noisy": 1e-2}


def test_what_cannot_be_chosen_is_refused_in_one_sentence(tried, tmp_path):
    for runs, setting, sentence in (
        (tried[1:], "learning_rate", r"learning_rate 0.0001 has the seeds \[1\], and 0.001 has \[0, 1\]"),
        (tried, "batch_size", "no two of these 12 runs differ in batch_size alone"),
        (tried, "learningrate", "unknown setting of training 'learningrate'.*did you mean 'learning_rate'"),
        (tried, "max_workers", "unknown setting of training 'max_workers'"),
        ([], "learning_rate", "no two of these 0 runs differ"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            campaign.best_by_validation(runs, tmp_path, setting)
    with pytest.raises(ConfigError, match="is not finished in .*: run it first"):
        campaign.best_by_validation(tried, tmp_path / "elsewhere")
    blind = [dataclasses.replace(run, validation_share=0.0) for run in tried]
    for run in blind:
        save(tmp_path, run)
    with pytest.raises(ConfigError, match="has no validation images: give its runs a validation_share"):
        campaign.best_by_validation(blind, tmp_path)
