import dataclasses
import functools
import json
import math
import random
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import nnet_models
from nnet.data import prepared
from nnet.regimes import base
from nnet_models import build_model, evaluate, get_device, set_seed, train_and_evaluate
from tests.conftest import blobs, save_npz, small_run, timeless

TRAINED = (
    "form run_id dataset architecture regime seed alpha_train noise_model activation p epochs status train_loss "
    "train_seconds"
).split()
FOLLOWING = "acc_0 acc_01 drop_at_01 test_loss sweep_seconds".split()

config = functools.partial(
    small_run, arch="cnn", regime="noisy", alpha_train=0.2, alpha_tests=(0, 0.1, 0.4), learning_rate=0.01
)


@pytest.fixture(scope="module")
def result(npz) -> dict:
    return train_and_evaluate(config(npz, epochs=3))


def test_the_result_is_strict_json_and_all_that_is_known_of_the_network(npz, result):
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    cfg = config(npz, epochs=3)
    assert list(result)[: len(TRAINED)] == TRAINED and result["form"] == 2
    assert result["run_id"] == cfg.run_id
    assert result["config"] == cfg.training() and result["asked"] == cfg.measuring()
    assert list(result)[-len(FOLLOWING) - 1 :] == [*FOLLOWING, "sweep"]
    (measurement,) = result["measurements"]
    assert measurement["evaluation"] == "weight_noise" and measurement["images_sha256"] == result["sha256"]["data"]
    assert measurement["provenance"] == [result["provenance"]] and measurement["seconds"] == result["sweep_seconds"] > 0


def test_the_noise_model_is_that_of_training(npz, result):
    assert result["noise_model"] == "tensor_std"
    clean = train_and_evaluate(config(npz, regime="clean", noise_model="magnitude", epochs=1))
    assert clean["noise_model"] is None
    assert clean["measurements"][0]["settings"]["noise_model"] == "magnitude"


def test_the_columns_say_what_the_sweep_says(result):
    rows = {row["alpha_test"]: row for row in result["sweep"]}
    assert list(rows) == [0, 0.1, 0.4]
    assert result["acc_0"] == rows[0]["acc"] > 0.9
    assert result["acc_01"] == rows[0.1]["acc"] and result["drop_at_01"] == rows[0.1]["drop"]
    assert result["test_loss"] == rows[0]["loss"]
    assert [row["epoch"] for row in result["history"]] == [1, 2, 3]
    assert result["train_loss"] == result["history"][-1]["train_loss"]


def test_without_alpha_01_its_columns_are_empty(npz):
    result = train_and_evaluate(config(npz, alpha_tests=(0, 0.2)))
    assert result["acc_01"] is None and result["drop_at_01"] is None and result["acc_0"] is not None


def test_the_same_configuration_gives_the_same_bits(npz, result):
    torch.rand(7)
    assert timeless(train_and_evaluate(config(npz, epochs=3))) == timeless(result)


def test_the_seed_matters(npz, result):
    other = train_and_evaluate(config(npz, epochs=3, seed=1))
    assert other["sha256"]["initial_weights"] != result["sha256"]["initial_weights"]
    assert other["sha256"]["weights"] != result["sha256"]["weights"]


def test_operation_does_not_matter(npz, result, tmp_path):
    moved = config(npz, epochs=3, data_dir=str(tmp_path), checkpoint_dir=str(tmp_path))
    assert timeless(train_and_evaluate(moved)) == timeless(result)


def test_the_checkpoint_is_the_trained_network(npz, tmp_path, result):
    cfg = config(npz, epochs=3, checkpoint_dir=str(tmp_path))
    train_and_evaluate(cfg)
    kept = torch.load(tmp_path / "blobs" / f"{cfg.run_id}.pt", weights_only=True)
    model = build_model("cnn", image_shape=(3, 8, 8), num_classes=3)
    model.load_state_dict(kept["model"])
    measured = ("asked", "measurements", "sweep", *FOLLOWING)
    trained = {name: value for name, value in result.items() if name not in measured}
    assert kept["run"] | {"train_seconds": 0} == trained | {"train_seconds": 0}
    images = prepared.load(npz, 8, ".")
    pixels = images.x_test.float().div(255).repeat(1, 3, 1, 1)
    assert evaluate(model, [(pixels, images.y_test)])[0] == result["acc_0"]
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == [f"{cfg.run_id}.pt"]


def test_evaluation_is_correct_over_total_with_a_short_last_batch():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(12), nn.Dropout(0.5), nn.Linear(12, 4))
    x, y = torch.rand(103, 3, 2, 2), torch.randint(4, (103,))
    accuracy, loss = evaluate(model, list(zip(x.split(25), y.split(25), strict=True)))
    model.eval()
    logits = model(x).detach()
    assert accuracy == (logits.argmax(1) == y).sum().item() / 103
    assert loss == pytest.approx(functional.cross_entropy(logits, y).item(), rel=1e-5)
    assert model[1].num_batches_tracked == 0


@pytest.mark.parametrize("regime", ["clean", "noisy"])
def test_a_loss_that_overflows_ends_the_run_as_diverged(npz, regime):
    result = train_and_evaluate(config(npz, regime=regime, learning_rate=1e30, optimizer="sgd", epochs=5))
    assert result["status"] == "diverged"
    assert result["diverged_epoch"] == len(result["history"]) == 1
    assert result["sweep"] == result["measurements"] == [] and result["acc_0"] is None and result["test_loss"] is None
    assert result["history"][-1]["train_loss"] is None
    json.dumps(result, allow_nan=False)


def test_weights_that_overflow_in_the_very_last_step_are_diverged_too(npz):
    result = train_and_evaluate(
        config(npz, arch="mlp_small", regime="clean", learning_rate=1e38, optimizer="sgd", epochs=1, batch_size=96)
    )
    assert math.isfinite(result["history"][0]["train_loss"])
    assert result["status"] == "diverged" and result["diverged_epoch"] == 1 and result["acc_0"] is None


def test_max_train_samples_takes_the_first_of_the_stratified_order(npz, monkeypatch):
    seen = []
    original = nnet_models.train_one_epoch

    def recording(model, regime, batches):
        kept = list(batches)
        seen.extend(label for _, labels in kept for label in labels.tolist())
        return original(model, regime, kept)

    monkeypatch.setattr(nnet_models, "train_one_epoch", recording)
    train_and_evaluate(config(npz, max_train_samples=30, epochs=1))
    assert len(seen) == 30
    assert [seen.count(label) for label in range(3)] == pytest.approx([10, 10, 10], abs=1)


def test_more_samples_than_there_are_means_all(npz):
    few, all_of_them = (train_and_evaluate(config(npz, max_train_samples=size)) for size in (5000, None))
    assert few["sha256"] == all_of_them["sha256"]


def test_resnet18_trains_when_one_image_remains_for_the_last_batch(tmp_path):
    x, y = blobs(33)
    result = train_and_evaluate(
        config(save_npz(tmp_path / "odd.npz", x_train=x, y_train=y), arch="resnet18", epochs=1, batch_size=16)
    )
    assert result["status"] == "ok"


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("arch", ["cnn", "mlp_small"])
def test_images_of_any_channel_count_can_be_learnt(tmp_path, arch, channels):
    x_train, y_train = blobs(96, channels, (10, 14), classes=5)
    x_test, y_test = blobs(40, channels, (10, 14), classes=5, seed=1)
    path = save_npz(tmp_path / "any.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    assert train_and_evaluate(config(path, arch=arch, image_size=None, epochs=8))["acc_0"] > 0.8


def test_pixel_corruption_changes_training_and_not_the_test_images(npz, result):
    corrupted = train_and_evaluate(config(npz, epochs=3, p=1.0))
    assert corrupted["sha256"]["initial_weights"] == result["sha256"]["initial_weights"]
    assert corrupted["acc_0"] < 0.7 < result["acc_0"]


def test_a_second_run_beside_the_first_is_refused(npz, monkeypatch):
    entered, leave = threading.Event(), threading.Event()
    original = nnet_models.train_one_epoch

    def waiting(*arguments):
        entered.set()
        assert leave.wait(60)
        return original(*arguments)

    monkeypatch.setattr(nnet_models, "train_one_epoch", waiting)
    first = threading.Thread(target=train_and_evaluate, args=[config(npz, epochs=1)])
    first.start()
    assert entered.wait(60)
    with pytest.raises(RuntimeError, match="one run at a time"):
        train_and_evaluate(config(npz))
    leave.set()
    first.join()


def test_the_thread_count_is_the_configurations_and_comes_back(npz, monkeypatch):
    seen = []
    original = nnet_models.train_one_epoch
    monkeypatch.setattr(
        nnet_models, "train_one_epoch", lambda *args: seen.append(torch.get_num_threads()) or original(*args)
    )
    result = train_and_evaluate(config(npz, cpu_threads=2, epochs=1))
    assert seen == [2] and result["provenance"]["threads"] == 2 and torch.get_num_threads() == 1


def test_set_seed_seeds_every_generator():
    drawn = []
    for _ in range(2):
        set_seed(2**62)
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert drawn[0] == drawn[1]


def test_a_missing_gpu_is_said():
    assert get_device() == torch.device("cpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no CUDA device"):
            get_device(use_cuda=True)


def test_numbers_too_small_to_be_normal_are_zero_in_a_run_and_there_alone(npz, monkeypatch):
    quotients = []
    step = base.Regime.step

    def recording(self, images, labels):
        quotients.append((torch.tensor([1e-38]) / 10).item())
        return step(self, images, labels)

    monkeypatch.setattr(base.Regime, "step", recording)
    train_and_evaluate(config(npz))
    assert set(quotients) == {0.0} and (torch.tensor([1e-38]) / 10).item() > 0


def test_a_run_can_be_set_up_alone_which_names_its_data(npz, result):
    seen = {"data_sha256": result["sha256"]["data"], "not_noised": [], "test_images": 48}
    assert nnet_models.try_set_up(config(npz)) == seen
    with pytest.raises(ValueError, match="at least 8×8"):
        nnet_models.try_set_up(dataclasses.replace(config(npz), image_size=4))


@pytest.mark.parametrize("arch", ["mlp_small", "cnn"])
def test_bfloat16_learns_as_well_and_is_not_single_precision(npz, arch):
    results = [train_and_evaluate(config(npz, arch=arch, precision=name, epochs=3)) for name in ("fp32", "bf16")]
    assert results[1]["acc_0"] > 0.9 and results[0]["sha256"]["weights"] != results[1]["sha256"]["weights"]
    assert results[1]["train_loss"] == pytest.approx(results[0]["train_loss"], abs=0.1)


def test_the_precision_of_the_sweep_leaves_training_alone(npz):
    small = dict(arch="mlp_small", learning_rate=1e-3, validation_share=0.25, smoothed_accuracy=True)
    result, swept = (train_and_evaluate(config(npz, **small, sweep_precision=name)) for name in ("fp32", "bf16"))
    assert swept["run_id"] == result["run_id"]
    assert swept["sha256"] == result["sha256"] and swept["history"] == result["history"]
    assert swept["test_loss"] != result["test_loss"] == pytest.approx(swept["test_loss"], rel=0.05)
