"""Whole campaigns, launched as a user launches them."""

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

from campaign.analysis import tables
from campaign.engines.workers import tasks
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import runner
from campaign.store import run_file
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


def test_the_pixels_study_runs_from_the_command_line_to_a_summary_by_p_and_activation(npz, tmp_path):
    small = "pixel_mlp --study pixels --image-size 8 --epochs 4 --batch-size 16 --activations relu tanh --ps 0 1"
    process = launch(npz, tmp_path, "--repeats", "3", "--max-workers", "2", base=small)
    assert process.returncode == 0, process.stderr
    assert "12 of 12 runs" in process.stdout
    made = tables.read(tmp_path / "results/blobs")
    runs, summary = made["results_per_run"], made["results_summary"]
    assert len(runs) == 12 and runs.groupby(["activation", "p"])["seed"].apply(tuple).nunique() == 1
    assert set(zip(summary["activation"], summary["p"], strict=True)) == set(product(("relu", "tanh"), (0, 1)))
    assert (summary["n_seeds"] == 3).all() and summary["stderr_acc"].notna().all()
    assert (summary.query("p == 0")["mean_acc"] > 0.9).all() and (summary.query("p == 1")["mean_acc"] < 0.7).all()
    cell = summary.iloc[0]
    line = f"pixel_mlp  clean  0  activation relu  p 0:  {cell['mean_acc']:.4f} ± {cell['stderr_acc']:.4f}  (n = 3)"
    assert line in process.stdout
    (tmp_path / "again").mkdir()
    assert launch(npz, tmp_path / "again", "--repeats", "3", "--engine", "serial", base=small).returncode == 0
    assert run_files(tmp_path / "again") == run_files(tmp_path)


ADAPTIVE = (
    "baby_cnn --study adaptive --image-size 8 --epochs 6 --lr-restart-epochs 5 --batch-size 16 --seeds 0 1 "
    "--validation-share 0.25 --noise-samples 2 --only momentum=0 distribution=gaussian"
)


def test_23_the_adaptive_study_pairs_every_run_with_its_baseline_and_resumes(npz, tmp_path):
    planned = launch(npz, tmp_path, "--plan", "--json", base=f"{ADAPTIVE} optimizer=adam")
    assert json.loads(planned.stdout)["runs"] == 4 and not (tmp_path / "results").exists()
    process = launch(npz, tmp_path, "--max-workers", "2", base=ADAPTIVE)
    assert process.returncode == 0, process.stderr
    assert "8 of 8 runs" in process.stdout and "paired differences to the baseline" in process.stdout
    made = tables.read(tmp_path / "results/blobs")
    assert len(made["epochs"]) == 8 * 6
    assert (made["differences"]["n_seeds"] == 2).sum() == 2 * 3  # no run was noisy so early
    runs = made["results_per_run"]
    assert runs.groupby(["optimizer", "learning_rate", "seed"])["regime"].apply(set).tolist() == 4 * [
        {"clean", "adaptive"}
    ]
    again = launch(npz, tmp_path, base=ADAPTIVE)
    assert "8 runs: 8 finished, 0 to do\n" in again.stdout


def test_23_a_run_that_diverges_is_flagged_and_has_no_more_epochs(npz, tmp_path):
    process = launch(npz, tmp_path, "--learning-rate", "1e12", base=f"{ADAPTIVE} optimizer=sgd seed=0")
    assert process.returncode == 0 and "diverged" in process.stdout
    runs = tables.read(tmp_path / "results/blobs")["results_per_run"]
    assert set(runs["status"]) == {"diverged"} and runs["acc_0"].isna().all()


def test_finished_runs_are_skipped(done, npz):
    folder, _ = done
    before = {path: path.stat().st_mtime_ns for path in (folder / "results/blobs/runs").iterdir()}
    again = launch(npz, folder)
    assert again.returncode == 0 and "8 runs: 8 finished, 0 to do\n" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in (folder / "results/blobs/runs").iterdir()} == before


@pytest.mark.parametrize(
    "more",
    [
        ["--max-workers", "1"],
        ["--seeds", "1", "0", "--regimes", "noisy", "clean"],
        ["--engine", "serial"],
    ],
    ids=["one worker", "another order", "in one process"],
)
def test_results_are_bit_identical_however_they_are_made(done, npz, tmp_path, more):
    assert launch(npz, tmp_path, *more).returncode == 0
    assert run_files(tmp_path) == run_files(done[0])


def test_a_direct_call_gives_the_same_bits(done, npz):
    (path,) = (done[0] / "results/blobs/runs").glob("cnn-noisy-*-seed1-*.json")
    stored = run_file.read(path)
    fields = {name: value for name, value in stored["config"].items() if name != "dataset_sha256"}
    result = train_and_evaluate(TrainConfig(**fields | {"dataset": npz}))
    for name in stored:
        assert name.endswith("_seconds") or result[name] == stored[name], name


def test_new_runs_are_merged_and_a_changed_setting_makes_new_runs(npz, tmp_path):
    base = "mlp_small --image-size 8 --epochs 1 --seeds 0 --alpha-tests 0 0.1 --noise-samples 1"
    assert launch(npz, tmp_path, base=base).returncode == 0
    more = launch(npz, tmp_path, "--seeds", "0", "1", base=base)
    assert "4 runs: 2 finished, 2 to do" in more.stdout
    changed = launch(npz, tmp_path, "--epochs", "2", base=base)
    assert "2 runs: 0 finished, 2 to do" in changed.stdout
    per_run = tables.read(tmp_path / "results/blobs")["results_per_run"]
    assert sorted(zip(per_run["epochs"], per_run["seed"], strict=True)) == [
        (1, 0),
        (1, 0),
        (1, 1),
        (1, 1),
        (2, 0),
        (2, 0),
    ]


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
    "seeds has duplicates": ["--seeds", "1", "1"],
    "expected at least one argument": ["--seeds"],
    "use_cuda=True only supports max_workers=1": ["--use-cuda", "--max-workers", "2"],
    "cannot write to": ["--output-dir", "/proc/results"],
    "cannot write to /proc/checkpoints": ["--checkpoint-dir", "/proc/checkpoints"],
    "at least 8×8": ["cnn", "--image-size", "4"],
    "momentum is sgd's": ["--momentum", "0.9"],
    "lr_restart_epochs must be below epochs": ["--lr-schedule", "cosine_restarts", "--lr-restart-epochs", "10"],
    "--only knows no setting 'depth'": ["--only", "depth=3"],
    "option 'window' has no effect in mode 'off'": ["--regimes", "adaptive", "--options", "mode=off", "window=3"],
    "option 'tensors': 'conv9' matches no tensor": ["--regimes", "adaptive", "--options", "tensors=conv9"],
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_wrong_input_is_one_sentence_and_exit_code_2_and_nothing_happens(npz, tmp_path, message):
    words = ["--dataset", npz, "--output-dir", "results", "--checkpoint-dir", "checkpoints", *WRONG[message]]
    if WRONG[message][0].startswith("--"):
        words = ["mlp_small", *words]
    else:
        words = [WRONG[message][0], *words[: -len(WRONG[message])], *WRONG[message][1:]]
    process = subprocess.run(
        [sys.executable, str(ROOT / "run_experiments.py"), *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 2, process.stdout
    assert message in process.stderr and process.stderr.startswith("error: ") and process.stderr.count("\n") == 1
    assert process.stdout == "" and list(tmp_path.iterdir()) == []


def test_wrong_data_are_one_sentence_and_exit_code_2_and_nothing_happens(tmp_path):
    path = save_npz(tmp_path / "wrong.npz", x_train=np.zeros((96, 8, 8), np.uint8))
    process = launch(path, tmp_path)
    assert process.returncode == 2 and process.stderr.count("\n") == 1 and "wrong.npz must be uint8" in process.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["wrong.npz"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_one_sentence(npz, tmp_path):
    process = launch(npz, tmp_path, "--use-cuda")
    assert process.returncode == 2 and "no CUDA device" in process.stderr and process.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_results_on_other_data_of_the_same_name_are_not_mixed(npz, tmp_path):
    path = save_npz(tmp_path / "mine.npz")
    assert launch(path, tmp_path, "--seeds", "0").returncode == 0
    save_npz(tmp_path / "mine.npz", x_train=blobs(96, seed=3)[0])
    for size in ("8", "9"):
        process = launch(path, tmp_path, "--seeds", "0", "--image-size", size)
        assert process.returncode == 2 and "other data of the name 'mine'" in process.stderr


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


def test_verify_does_a_run_again_and_finds_what_differs(done, npz, tmp_path):
    runs = tmp_path / "results/blobs/runs"
    shutil.copytree(done[0] / "results/blobs/runs", runs)
    path = min(runs.iterdir())
    words = ["--dataset", npz, "--output-dir", str(tmp_path / "results"), "--verify", path.stem]
    command = [sys.executable, str(ROOT / "run_experiments.py"), *words]
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert good.returncode == 0 and f"{path.stem}: the same, bit for bit" in good.stdout
    changed = run_file.read(path)
    changed["test_loss"] *= 1 + 1e-15
    changed["provenance"]["torch"] = "0.1"
    run_file.write(path, changed)
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert bad.returncode == 1 and "DIFFERENT in test_loss\n" in bad.stdout and "torch was 0.1, is" in bad.stdout
    missing = subprocess.run([*command[:-1], "no-such-run"], cwd=tmp_path, capture_output=True, text=True)
    assert missing.returncode == 2 and missing.stderr.startswith("error: there is no finished run 'no-such-run'")


def test_sanity(tmp_path):
    process = subprocess.run(
        [sys.executable, str(ROOT / "run_experiments.py"), "--sanity"], cwd=tmp_path, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    assert re.search(r"sanity: drop at 0\.1 is -?0\.\d+ clean, -?0\.\d+ noisy: smaller or similar", process.stdout)
    assert list(tmp_path.iterdir()) == []


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
