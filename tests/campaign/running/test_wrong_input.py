"""Wrong input, wrong data and a missing GPU are one sentence, and nothing happens."""

import numpy as np
import pytest
import torch

import run_experiments
from tests.campaign.running.launches import called
from tests.conftest import blobs, save_npz

WRONG = {
    "unknown architecture 'vgg'; choose from": ["vgg"],
    "unknown dataset 'imagenet'; choose from": ["--dataset", "imagenet"],
    "there is no file": ["--dataset", "missing.npz"],
    "unknown regime 'warm'; choose from": ["--regimes", "warm"],
    "unknown activation 'swish'; choose from": ["--activations", "swish"],
    "resnet18 cannot have activation 'tanh'": ["resnet18", "--activations", "tanh"],
    "unknown option 'gamma'": ["--options", "weight_noise.gamma=1"],
    "options belong to their owner": ["--options", "attack_size=1"],
    "unknown engine 'abacus'; choose from": ["--engine", "abacus"],
    "unrecognized arguments: --epoch": ["--epoch", "2"],
    "alpha_train must be finite and not negative": ["--alpha-train", "-0.1"],
    "alpha_train must be finite": ["--alpha-train", "nan"],
    "p must be between 0 and 1": ["--ps", "0", "1.5"],
    "epochs 0 trains nothing": ["--epochs", "0"],
    "epochs must be at least 0": ["--epochs", "-1"],
    "batch_size must be at least 1": ["--batch-size", "0"],
    "noise_samples must be at least 1": ["--noise-samples", "0"],
    "max_workers must be at least 1": ["--max-workers", "0"],
    "cpu_threads must be at least 1": ["--cpu-threads-per-worker", "0"],
    "alpha_tests must contain 0": ["--alpha-tests", "0.1", "0.2"],
    "seed has duplicates": ["--seeds", "1", "1"],
    "expected at least one argument": ["--seeds"],
    "use_cuda=True only supports max_workers=1": ["--use-cuda", "--max-workers", "2"],
    "cannot write to": ["--output-dir", "/proc/results"],
    "cannot write to /proc/checkpoints": ["--checkpoint-dir", "/proc/checkpoints"],
    "at least 8×8": ["cnn", "--image-size", "4"],
    "momentum needs another optimizer": ["--momentum", "0.9"],
    "lr_restart_epochs must be below epochs": ["--lr-schedule", "cosine_restarts", "--lr-restart-epochs", "10"],
    "--only: unknown setting 'depth'": ["--only", "depth=3"],
    "option 'window' has no effect in mode 'off'": [
        *("--regimes", "adaptive", "--options", "adaptive.mode=off", "adaptive.window=3"),
    ],
    "option 'tensors': 'conv9' matches no tensor": ["--regimes", "adaptive", "--options", "adaptive.tensors=conv9"],
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_wrong_input_is_one_sentence_and_exit_code_2_and_nothing_happens(npz, tmp_path, monkeypatch, capsys, message):
    monkeypatch.chdir(tmp_path)
    wrong = WRONG[message] if not WRONG[message][0].startswith("--") else ["mlp_small", *WRONG[message]]
    folders = ["--output-dir", "results", "--checkpoint-dir", "checkpoints"]
    assert run_experiments.main([wrong[0], "--dataset", npz, *folders, *wrong[1:]]) == 2
    printed = capsys.readouterr()
    assert message in printed.err and printed.err.startswith("error: ") and printed.err.count("\n") == 1
    assert printed.out == "" and list(tmp_path.iterdir()) == []


def test_wrong_data_are_one_sentence_and_exit_code_2_and_nothing_happens(tmp_path, capsys):
    path = save_npz(tmp_path / "wrong.npz", x_train=np.zeros((96, 8, 8), np.int32))
    assert called(path, tmp_path) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and "wrong.npz must be uint8" in printed
    assert [item.name for item in tmp_path.iterdir()] == ["wrong.npz"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_one_sentence(npz, tmp_path, capsys):
    assert called(npz, tmp_path, "--use-cuda") == 2
    printed = capsys.readouterr().err
    assert "no CUDA device" in printed and printed.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_results_on_other_data_of_the_same_name_are_not_mixed(tmp_path, capsys):
    path = save_npz(tmp_path / "mine.npz")
    assert called(path, tmp_path, "--seeds", "0") == 0
    save_npz(tmp_path / "mine.npz", x_train=blobs(96, seed=3)[0])
    for size in ("8", "9"):
        assert called(path, tmp_path, "--seeds", "0", "--image-size", size) == 2
        assert "other data of the name 'mine'" in capsys.readouterr().err
