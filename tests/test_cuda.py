"""Runs on a GPU: every regime learns, every evaluation measures, a run can be repeated bit for bit, campaigns work."""

import functools

import pytest
import torch

from nnet import registry
from nnet_models import train_and_evaluate
from tests.campaign.running.launches import launch, run_files
from tests.conftest import interrupted, small_run, timeless

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device here")

REGIMES, EVALUATIONS = registry.names("regimes"), registry.names("evaluations")
config = functools.partial(small_run, alpha_train=0.2, epochs=4, alpha_tests=(0, 0.1), use_cuda=True)


@pytest.mark.parametrize("regime", REGIMES)
def test_every_regime_learns(npz, regime):
    result = train_and_evaluate(config(npz, regime=regime))
    assert result["status"] == "ok" and result["acc_0"] > 0.9
    assert result["provenance"]["device"] == torch.cuda.get_device_name()


@pytest.mark.parametrize("evaluation", EVALUATIONS)
def test_every_evaluation_measures_about_what_it_measures_on_a_cpu(npz, tmp_path, evaluation):
    weights = dict(
        checkpoint_dir=str(tmp_path), regime="clean", evaluations=(evaluation,) * (evaluation != "weight_noise")
    )
    trained = config(npz, **weights)
    on_gpu = train_and_evaluate(trained)
    on_cpu = train_and_evaluate(config(npz, **weights, use_cuda=False))
    measured = [{one["evaluation"]: one["points"] for one in result["measurements"]} for result in (on_gpu, on_cpu)]
    assert set(measured[0]) == {evaluation, "weight_noise"}
    assert len(measured[0][evaluation]) == len(measured[1][evaluation]) > 0
    assert on_cpu["sha256"]["weights"] == on_gpu["sha256"]["weights"]
    assert on_cpu["acc_0"] == pytest.approx(on_gpu["acc_0"], abs=0.03)


@pytest.mark.parametrize("arch", ["mlp_small", "cnn", "resnet18"])
@pytest.mark.parametrize("regime", ["noisy", "beta"])
def test_a_run_can_be_repeated_and_resumed_bit_for_bit(npz, tmp_path, monkeypatch, arch, regime):
    stored = dict(arch=arch, regime=regime, p=0.2, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    once, again = (train_and_evaluate(config(npz, arch=arch, regime=regime, p=0.2)) for _ in range(2))
    assert timeless(once) == timeless(again)
    interrupted(config(npz, **stored), monkeypatch, epochs=2)
    assert train_and_evaluate(config(npz, **stored))["sha256"] == once["sha256"]


def test_training_and_measuring_do_not_make_the_host_wait_in_every_step(npz):
    def waits(**changed):
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with pytest.warns(UserWarning, match="synchronizing") as caught:
                train_and_evaluate(config(npz, regime="noisy", epochs=1, **changed))
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return len(caught)

    waits()
    assert waits(batch_size=4) == waits(batch_size=32)


@pytest.mark.parametrize("more", [["--use-cuda", "--max-workers", "1"], ["--cpu-threads", "1"]])
def test_a_campaign_in_worker_processes(npz, tmp_path, more):
    launched = launch(npz, tmp_path, *more)
    assert launched.returncode == 0, launched.stderr
    runs = run_files(tmp_path).values()
    assert [run["status"] for run in runs] == ["ok"] * 8
    device = torch.cuda.get_device_name() if "--use-cuda" in more else "cpu"
    assert {run["provenance"]["device"] for run in runs} == {device}
    again = launch(npz, tmp_path, *more, "--plan")
    assert again.returncode == 0 and "8 finished, 0 to do" in again.stdout, again.stderr
