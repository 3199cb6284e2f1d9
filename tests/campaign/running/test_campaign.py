"""Whole campaigns, launched as a user launches them: two in a process of their own, the others in this one."""

import os
import pty
import re
import subprocess
import termios
from pathlib import Path

import pytest

import campaign
from campaign.analysis import tables
from campaign.store import run_file
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet_models import train_and_evaluate
from tests.campaign.running.launches import called, command, launch, run_files
from tests.conftest import timeless


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
    line = r"^\[\d/8\] (mlp_small|cnn)-\S+  trained: acc [01]\.\d{4} drop\(0\.1\) \S+, \d+ s  \(.*\)$"
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
    training = {name: value for name, value in stored["config"].items() if not name.endswith("_sha256")}
    options = training["options"] | stored["asked"]["options"]
    result = timeless(
        train_and_evaluate(TrainConfig(**training | stored["asked"] | {"dataset": npz, "options": options}))
    )
    for name, value in timeless(stored).items():
        assert result[name] == value, name


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
