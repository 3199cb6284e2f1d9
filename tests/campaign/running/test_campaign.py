"""Whole campaigns, launched as a user launches them: two in a process of their own, the others in this one."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

import campaign
import run_experiments
from campaign.analysis import tables
from campaign.engines.workers import tasks
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import runner
from campaign.store import run_file
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.atomic import HOST
from nnet_models import train_and_evaluate
from tests.conftest import ROOT, blobs, save_npz

SMALL = "mlp_small cnn --image-size 8 --epochs 2 --batch-size 16 --seeds 0 1 --alpha-tests 0 0.1 0.5 --noise-samples 2"


def command(dataset: str, folder: Path, *more: str, base: str = SMALL) -> list[str]:
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "checkpoints")]
    return [sys.executable, str(ROOT / "run_experiments.py"), *base.split(), "--dataset", dataset, *folders, *more]


def launch(dataset: str, folder: Path, *more: str, **keywords) -> subprocess.CompletedProcess:
    return subprocess.run(command(dataset, folder, *more, **keywords), cwd=folder, capture_output=True, text=True)


def called(dataset: str, folder: Path, *more: str, base: str = SMALL) -> int:
    """The same launch in this process; serial, unless `more` says otherwise."""
    folders = ["--output-dir", str(folder / "results"), "--checkpoint-dir", str(folder / "checkpoints")]
    return run_experiments.main([*base.split(), "--dataset", dataset, *folders, "--engine", "serial", *more])


def run_files(folder: Path, name: str = "blobs") -> dict[str, dict]:
    """Every run file without its timings."""
    found = {path.name: run_file.read(path) for path in (folder / "results" / name / "runs").iterdir()}
    return {
        name: {key: value for key, value in run.items() if not key.endswith("_seconds")} for name, run in found.items()
    }


@pytest.fixture(scope="module")
def done(npz, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    """A finished campaign of eight runs on two workers, and what its launch printed."""
    folder = tmp_path_factory.mktemp("campaign")
    return folder, launch(npz, folder, "--max-workers", "2")


def test_a_campaign_runs_from_the_command_line_to_its_tables(done):
    folder, process = done
    assert process.returncode == 0, process.stderr
    made = tables.read(folder / "results/blobs")
    assert len(made["results_per_run"]) == 8 and len(made["sweep"]) == 24 and len(made["results_summary"]) == 12
    assert set(made["results_per_run"]["status"]) == {"ok"} and made["results_per_run"]["acc_0"].min() > 0.8
    assert set(made["results_summary"]["n_seeds"]) == {2} and made["results_summary"]["stderr_acc"].notna().all()
    checkpoints = {path.stem for path in (folder / "checkpoints/blobs").iterdir()}
    assert checkpoints == set(made["results_per_run"]["run_id"])


def test_what_it_prints(done):
    folder, process = done
    assert re.search(r"^8 runs: 0 finished, 8 to do on 2 worker\(s\), about \d+ s$", process.stdout, re.M)
    line = r"^\[\d/8\] (mlp_small|cnn)-\S+  acc [01]\.\d{4} drop\(0\.1\) \S+, \d+ s  \(.*\)$"
    assert len(re.findall(line, process.stdout, re.M)) == 8
    assert "blobs: 8 of 8 runs" in process.stdout
    assert re.search(r"architecture\s+regime\s+seed\s+α_train\s+acc\(0\)\s+acc\(0\.1\)\s+drop\(0\.1\)", process.stdout)
    summary = tables.read(folder / "results/blobs")["results_summary"].query("alpha_test == 0.1")
    for _, cell in summary.iterrows():
        line = f"{cell['architecture']}  {cell['regime']}  {cell['alpha_train']:g}:"
        assert f"{line}  {cell['mean_drop']:.4f} ± {cell['stderr_drop']:.4f}  (n = 2)" in process.stdout
    for name in tables.NAMES:
        assert str(folder / "results/blobs" / f"{name}.csv") in process.stdout
    assert f"runs: {folder / 'results/blobs/runs'}" in process.stdout
    assert f"trained weights: {folder / 'checkpoints'}" in process.stdout
    assert process.stderr == ""


def test_the_pixels_study_runs_from_the_command_line_to_a_summary_by_p_and_activation(npz, tmp_path, capsys):
    small = "pixel_mlp --study pixels --image-size 8 --epochs 4 --batch-size 16 --activations relu tanh --ps 0 1"
    words = ("--engine", "process", "--max-workers", "2")
    assert called(npz, tmp_path, "--repeats", "3", *words, base=small) == 0
    printed = capsys.readouterr().out
    assert "12 of 12 runs" in printed
    made = tables.read(tmp_path / "results/blobs")
    runs, summary = made["results_per_run"], made["results_summary"]
    assert len(runs) == 12 and runs.groupby(["activation", "p"])["seed"].apply(tuple).nunique() == 1
    assert set(zip(summary["activation"], summary["p"], strict=True)) == set(product(("relu", "tanh"), (0, 1)))
    assert (summary["n_seeds"] == 3).all() and summary["stderr_acc"].notna().all()
    assert (summary.query("p == 0")["mean_acc"] > 0.9).all() and (summary.query("p == 1")["mean_acc"] < 0.7).all()
    cell = summary.iloc[0]
    line = f"pixel_mlp  clean  0  activation relu  p 0:  {cell['mean_acc']:.4f} ± {cell['stderr_acc']:.4f}  (n = 3)"
    assert line in printed
    assert called(npz, tmp_path / "again", "--repeats", "3", base=small) == 0
    assert run_files(tmp_path / "again") == run_files(tmp_path)


ADAPTIVE = (
    "baby_cnn --study adaptive --image-size 8 --epochs 6 --lr-restart-epochs 5 --batch-size 16 --seeds 0 1 "
    "--validation-share 0.25 --noise-samples 2 --only momentum=0 distribution=gaussian"
)


def test_the_adaptive_study_pairs_every_run_with_its_baseline_and_resumes(npz, tmp_path, capsys):
    assert called(npz, tmp_path, "--plan", "--json", base=f"{ADAPTIVE} optimizer=adam") == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 4 and not (tmp_path / "results").exists()
    assert called(npz, tmp_path, base=ADAPTIVE) == 0
    printed = capsys.readouterr().out
    assert "8 of 8 runs" in printed and "paired differences to the baseline" in printed
    made = tables.read(tmp_path / "results/blobs")
    assert len(made["epochs"]) == 8 * 6
    assert (made["differences"]["n_seeds"] == 2).sum() == 2 * 3  # no run was noisy so early
    runs = made["results_per_run"]
    assert runs.groupby(["optimizer", "learning_rate", "seed"])["regime"].apply(set).tolist() == 4 * [
        {"clean", "adaptive"}
    ]
    assert called(npz, tmp_path, base=ADAPTIVE) == 0
    assert "8 runs: 8 finished, 0 to do\n" in capsys.readouterr().out


def test_a_run_that_diverges_is_flagged_and_has_no_more_epochs(npz, tmp_path, capsys):
    words = "baby_cnn --regimes clean adaptive --optimizer sgd --learning-rate 1e12 --validation-share 0.25 --seeds 0"
    assert called(npz, tmp_path, base=f"{words} --image-size 8 --epochs 6 --batch-size 16 --alpha-tests 0") == 0
    assert "diverged" in capsys.readouterr().out
    runs = tables.read(tmp_path / "results/blobs")["results_per_run"]
    assert len(runs) == 2 and set(runs["status"]) == {"diverged"} and runs["acc_0"].isna().all()


def test_finished_runs_are_skipped(done, npz, capsys):
    folder, _ = done
    before = {path: path.stat().st_mtime_ns for path in (folder / "results/blobs/runs").iterdir()}
    assert called(npz, folder) == 0 and "8 runs: 8 finished, 0 to do\n" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (folder / "results/blobs/runs").iterdir()} == before


@pytest.mark.parametrize(
    "more",
    [["--engine", "process", "--max-workers", "1"], ["--seeds", "1", "0", "--regimes", "noisy", "clean"]],
    ids=["one worker", "another order, in one process"],
)
def test_results_are_bit_identical_however_they_are_made(done, npz, tmp_path, more):
    assert called(npz, tmp_path, *more) == 0
    assert run_files(tmp_path) == run_files(done[0])


def test_python_gives_the_same_bits_as_the_command_line(done, npz, tmp_path):
    from campaign import TrainConfig, load, product, run

    base = TrainConfig(
        dataset=npz, image_size=8, epochs=2, batch_size=16, alpha_train=0.2, alpha_tests=(0, 0.1, 0.5), noise_samples=2
    )
    configs = product(base, arch=["mlp_small", "cnn"], regime=["clean", "noisy"], alpha_train=0.2, seed=[0, 1])
    assert run(configs, tmp_path / "results", engine="serial") == 0
    assert run_files(tmp_path) == run_files(done[0])
    assert sorted(load(tmp_path / "results", where={"architecture": "cnn"})["seed"]) == [0, 0, 1, 1]
    with pytest.raises(ConfigError, match="unknown argument 'worker'"):
        run(configs, tmp_path, worker=3)
    with pytest.raises(AttributeError, match="module 'campaign' has no attribute 'lunch'"):
        campaign.lunch  # noqa: B018
    assert {"product", "run", "load", "repeats"} <= set(dir(campaign))


def test_a_direct_call_gives_the_same_bits(done, npz):
    (path,) = (done[0] / "results/blobs/runs").glob("cnn-noisy-*-seed1-*.json")
    stored = run_file.read(path)
    fields = {name: value for name, value in stored["config"].items() if name != "dataset_sha256"}
    result = train_and_evaluate(TrainConfig(**fields | {"dataset": npz}))
    for name in stored:
        assert name.endswith("_seconds") or result[name] == stored[name], name


def test_new_runs_are_merged_and_a_changed_setting_makes_new_runs(npz, tmp_path, capsys):
    base = "mlp_small --image-size 8 --epochs 1 --seeds 0 --alpha-tests 0 0.1 --noise-samples 1"
    assert called(npz, tmp_path, base=base) == 0
    assert called(npz, tmp_path, "--seeds", "0", "1", base=base) == 0
    assert "4 runs: 2 finished, 2 to do" in capsys.readouterr().out
    assert called(npz, tmp_path, "--epochs", "2", base=base) == 0
    assert "2 runs: 0 finished, 2 to do" in capsys.readouterr().out
    per_run = tables.read(tmp_path / "results/blobs")["results_per_run"]
    pairs = sorted(zip(per_run["epochs"], per_run["seed"], strict=True))
    assert pairs == [(1, 0), (1, 0), (1, 1), (1, 1), (2, 0), (2, 0)]


def test_on_a_terminal_there_is_one_moving_line(npz, tmp_path):
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 200))
    process = subprocess.Popen(
        command(npz, tmp_path, "--seeds", "0"), cwd=tmp_path, stdout=subprocess.PIPE, stderr=follower, text=True
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            shown += os.read(leader, 4096)
        except OSError:
            break
    printed = process.communicate()[0]
    assert process.returncode == 0 and "[1/4]" not in printed
    assert "4/4 runs" in shown.decode() and "last: " in shown.decode() and shown.count(b"\n") <= 1


WRONG = {
    "unknown architecture 'vgg'; choose from": ["vgg"],
    "unknown dataset 'imagenet'; choose from": ["--dataset", "imagenet"],
    "there is no file": ["--dataset", "missing.npz"],
    "unknown regime 'warm'; choose from": ["--regimes", "warm"],
    "unknown activation 'swish'; choose from": ["--activations", "swish"],
    "resnet18 cannot have activation 'tanh'": ["resnet18", "--activations", "tanh"],
    "unknown option 'gamma'": ["--options", "gamma=1"],
    "unknown engine 'abacus'; choose from": ["--engine", "abacus"],
    "unrecognized arguments: --epoch": ["--epoch", "2"],
    "alpha_train must be finite and not negative": ["--alpha-train", "-0.1"],
    "alpha_train must be finite": ["--alpha-train", "nan"],
    "p must be between 0 and 1": ["--ps", "0", "1.5"],
    "epochs must be at least 1": ["--epochs", "0"],
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
    "option 'window' has no effect in mode 'off'": ["--regimes", "adaptive", "--options", "mode=off", "window=3"],
    "option 'tensors': 'conv9' matches no tensor": ["--regimes", "adaptive", "--options", "tensors=conv9"],
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


def test_a_failed_run_is_listed_and_the_others_are_kept(npz, tmp_path, monkeypatch, capsys):
    def failing(config):
        if config.seed == 1:
            raise ArithmeticError("not this one")
        return train_and_evaluate(config)

    monkeypatch.setattr(tasks, "train", failing)
    configs = [TrainConfig(dataset=npz, image_size=8, epochs=1, seed=seed) for seed in range(3)]
    assert runner.run(prepare(configs, Launch(tmp_path, "serial"))) == 1
    (failure,) = (tmp_path / "blobs/failures").iterdir()
    assert "ArithmeticError: not this one" in failure.read_text() and "in failing" in failure.read_text()
    complaint = capsys.readouterr().err
    assert configs[1].run_id in complaint and str(failure) in complaint
    assert len(list((tmp_path / "blobs/runs").iterdir())) == 2
    monkeypatch.undo()
    assert runner.run(prepare(configs, Launch(tmp_path, "serial"))) == 1
    again = capsys.readouterr()
    assert "3 runs: 2 finished, 1 failed (--retry-failed tries them again), 0 to do" in again.out
    assert f"failed: {configs[1].run_id}: ArithmeticError: not this one; see {failure}" in again.err
    assert runner.run(prepare(configs, Launch(tmp_path, "serial"), retry_failed=True)) == 0
    assert not list((tmp_path / "blobs/failures").iterdir())


def test_the_longest_runs_come_first(npz, tmp_path):
    configs = [
        TrainConfig(dataset=npz, image_size=None, epochs=epochs, arch=arch, seed=seed)
        for seed in (0, 1) for arch, epochs in (("mlp_small", 1), ("mlp_large", 50))
    ]  # fmt: skip
    pending = prepare(configs, Launch(tmp_path, "serial")).pending
    assert [config.arch for config in pending] == ["mlp_large", "mlp_large", "mlp_small", "mlp_small"]
    assert list(tmp_path.iterdir()) == []


def test_verify_does_a_run_again_and_finds_what_differs(done, npz, tmp_path, capsys):
    runs = tmp_path / "results/blobs/runs"
    shutil.copytree(done[0] / "results/blobs/runs", runs)
    path = min(runs.iterdir())
    words = ["--dataset", npz, "--output-dir", str(tmp_path / "results"), "--verify"]
    assert run_experiments.main([*words, path.stem]) == 0
    assert f"{path.stem}: the same, bit for bit" in capsys.readouterr().out
    changed = run_file.read(path)
    changed["test_loss"] *= 1 + 1e-15
    changed["provenance"]["torch"] = "0.1"
    run_file.write(path, changed)
    assert run_experiments.main([*words, path.stem]) == 1
    printed = capsys.readouterr().out
    assert "DIFFERENT in test_loss\n" in printed and "torch was 0.1, is" in printed
    assert run_experiments.main([*words, "no-such-run"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no finished run 'no-such-run'")


def test_half_written_weights_of_dead_workers_are_removed(npz, tmp_path):
    with subprocess.Popen(["true"]) as ended:
        pass
    dead, living = (tmp_path / f"weights/blobs/.run.pt.{HOST}-{pid}.tmp" for pid in (ended.pid, os.getpid()))
    dead.parent.mkdir(parents=True)
    for path in (dead, living):
        path.touch()
    config = TrainConfig(
        dataset=npz, image_size=8, epochs=1, alpha_tests=(0,), checkpoint_dir=str(tmp_path / "weights")
    )
    assert runner.run(prepare([config], Launch(tmp_path / "results", "serial"))) == 0
    assert not dead.exists() and living.exists()
