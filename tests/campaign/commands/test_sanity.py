"""`--sanity`, for the block and for every study."""

import re

import pytest

import run_experiments
from campaign.commands import sanity
from campaign.grid import block as blocks
from campaign.grid import study as studies
from nnet import registry
from nnet.config import TrainConfig
from tests.conftest import blobs, save_npz


@pytest.fixture(scope="module")
def easy(tmp_path_factory) -> str:
    """Data on which one epoch suffices to learn."""
    x_train, y_train = blobs(512)
    return save_npz(tmp_path_factory.mktemp("data") / "easy.npz", x_train=x_train, y_train=y_train)


OF_SEQUENCES = [
    name for name in registry.names("studies") if registry.load("studies", name).BLOCK.get("arch") == "srnn"
]


@pytest.mark.parametrize("study", [None, *(name for name in registry.names("studies") if name not in OF_SEQUENCES)])
def test_sanity_works_for_the_block_and_every_study(study, easy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--dataset", easy, "--max-train-samples", "480", "--engine", "serial", "--seeds", "0", "--sanity"]
    assert run_experiments.main([*words, *(["--study", study] if study else [])]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"sanity: drop at 0\.1 is -?0\.\d+ clean, -?0\.\d+ noisy: smaller or similar", printed)
    assert "2 runs: 0 finished, 2 to do" in printed and list(tmp_path.iterdir()) == []


def test_its_runs_are_small_and_take_from_the_study_only_data_seeds_and_the_strength_of_the_noise():
    study = [
        TrainConfig(arch="cnn", alpha_train=alpha, regime="noisy", seed=seed, epochs=60, batch_size=7, optimizer="sgd",
                    momentum=0.9, lr_schedule="steps", lr_milestones=(36,), max_train_samples=50, cpu_threads=2)
        for seed in (4, 5, 6, 7) for alpha in (0, 0.3)
    ]  # fmt: skip
    runs = sanity.small_runs(study)
    assert [(run.regime, run.alpha_train, run.seed) for run in runs] == [
        *(("clean", 0, seed) for seed in (4, 5, 6)), *(("noisy", 0.3, seed) for seed in (4, 5, 6)),
    ]  # fmt: skip
    small = TrainConfig(epochs=1, alpha_tests=(0, 0.1), max_train_samples=50, cpu_threads=2, seed=4)
    assert runs[0] == small
    assert {run.alpha_train for run in sanity.small_runs([TrainConfig()])} == {0, sanity.ALPHA}


def test_sequences_are_given_to_the_first_network_of_the_study(sequences, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["gru", "--dataset", sequences, "--engine", "serial", "--seeds", "0", "--sanity"]
    assert run_experiments.main(words) in (0, 1)
    assert "sanity: drop at 0.1 is" in capsys.readouterr().out
    assert all(sanity.small_runs(blocks.expand({}, studies.load(name)).configs) for name in OF_SEQUENCES)


@pytest.mark.parametrize(("noisy", "code"), [(0.51, 0), (0.53, 1)])
def test_a_larger_drop_after_training_with_noise_is_exit_code_1(noisy, code, monkeypatch, npz, capsys):
    table = sanity.tables.read

    def read(folder):
        summary = table(folder)["results_summary"]
        summary.loc[summary["regime"] == "clean", "mean_drop"] = 0.5
        summary.loc[summary["regime"] == "noisy", "mean_drop"] = noisy
        return {"results_summary": summary}

    monkeypatch.setattr(sanity.tables, "read", read)
    assert run_experiments.main(["--dataset", npz, "--sanity", "--engine", "serial", "--seeds", "0"]) == code
    assert ("LARGER" in capsys.readouterr().out) == (code == 1)
