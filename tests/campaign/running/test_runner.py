"""Runs of the runner as it is called from Python: failures, order and leftovers of dead workers."""

import os
import subprocess

from campaign.engines.workers import tasks
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import runner
from nnet.config import TrainConfig
from nnet.files.temporary import MACHINE
from nnet_models import train_and_evaluate


def test_a_failed_run_is_listed_and_the_others_are_kept(npz, tmp_path, monkeypatch, capsys):
    def failing(config, known=None):
        if config.seed == 1:
            raise ArithmeticError("not this one")
        return train_and_evaluate(config, known)

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


def test_half_written_weights_of_dead_workers_are_removed(npz, tmp_path):
    with subprocess.Popen(["true"]) as ended:
        pass
    dead, living = (
        tmp_path / f"weights/blobs/.run.pt.{MACHINE}-{pid}-0123abcd.tmp" for pid in (ended.pid, os.getpid())
    )
    dead.parent.mkdir(parents=True)
    for path in (dead, living):
        path.touch()
    config = TrainConfig(
        dataset=npz, image_size=8, epochs=1, alpha_tests=(0,), checkpoint_dir=str(tmp_path / "weights")
    )
    assert runner.run(prepare([config], Launch(tmp_path / "results", "serial"))) == 0
    assert not dead.exists() and living.exists()
