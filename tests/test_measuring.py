"""A network is trained once and measured many times: nothing is trained or measured twice, and no bit depends on it."""

import dataclasses
import functools
import json

import pytest
import torch

from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.evaluations import quantization, weight_noise
from nnet.evaluations.parts import points
from nnet_models import TrainConfig, train_and_evaluate
from tests.conftest import small_run, timeless
from tests.counting import counted

ROUNDING = dict(evaluations=("quantization",), options={"quantization": {"bits": [2, 4]}})
config = functools.partial(small_run, regime="noisy", alpha_train=0.1, epochs=1, alpha_tests=(0, 0.1))


def all_points(result: dict) -> dict[str, list[dict]]:
    return {measurement["evaluation"]: measurement["points"] for measurement in result["measurements"]}


def read_back(result: dict) -> dict:
    """The run file that a campaign would store of it, and read again."""
    return json.loads(json.dumps(points.stored(result)))


def test_a_finished_run_grows_without_training_and_equals_one_that_asked_for_all_at_once(tmp_path, monkeypatch):
    digits = dict(dataset="digits", image_size=8, epochs=1, regime="noisy", alpha_train=0.1, max_train_samples=300)
    digits |= dict(alpha_tests=(0, 0.1), noise_samples=5, checkpoint_dir=str(tmp_path))
    run = read_back(train_and_evaluate(TrainConfig(**digits)))
    steps = [
        (dict(alpha_tests=(0, 0.1, 0.3)), 5),
        (dict(alpha_tests=(0, 0.1, 0.3), noise_samples=20), 2 * 15),
        (dict(alpha_tests=(0, 0.1, 0.3), noise_samples=20) | ROUNDING, 2),
    ]
    for changed, new in steps:
        cfg = TrainConfig(**digits | changed)
        assert cfg.run_id == run["run_id"] and sum(points.all_missing(cfg, run["measurements"]).values()) == new
        with counted(monkeypatch) as counts:
            grown = train_and_evaluate(cfg, read_back(run))
        assert (counts.steps, counts.passes) == (0, new)
        before, after = all_points(run), all_points(grown)
        assert all(point in after[name] for name, measured in before.items() for point in measured)
        assert points.all_missing(cfg, grown["measurements"]) == {}
        run = read_back(grown)
    at_once = train_and_evaluate(TrainConfig(**digits | steps[-1][0] | {"checkpoint_dir": None}))
    assert timeless(grown) == timeless(at_once)


def test_what_is_known_and_asked_again_costs_nothing(npz, tmp_path, monkeypatch):
    cfg = config(npz, checkpoint_dir=str(tmp_path), **ROUNDING)
    result = train_and_evaluate(cfg)
    with counted(monkeypatch) as counts:
        again = train_and_evaluate(cfg, result)
    assert again == result and counts.passes == counts.steps == 0
    less = train_and_evaluate(config(npz, checkpoint_dir=str(tmp_path), noise_samples=1), result)
    assert less["measurements"] == result["measurements"] and less["asked"]["evaluations"] == []


def test_a_kept_network_is_only_measured(npz, tmp_path, monkeypatch):
    cfg = config(npz, checkpoint_dir=str(tmp_path))
    result = train_and_evaluate(cfg)
    with counted(monkeypatch) as counts:
        again = train_and_evaluate(cfg)
    assert counts.steps == 0 and counts.passes == 3
    assert timeless(again) == timeless(result) and again["train_seconds"] == result["train_seconds"]


def test_without_kept_weights_the_same_network_is_trained_again(npz, monkeypatch):
    result = train_and_evaluate(config(npz))
    with counted(monkeypatch) as counts:
        grown = train_and_evaluate(config(npz, noise_samples=4), read_back(result))
    assert counts.steps == 6 and counts.passes == 2
    assert timeless(grown)["measurements"] == timeless(train_and_evaluate(config(npz, noise_samples=4)))["measurements"]
    assert grown["train_seconds"] == result["train_seconds"]


@pytest.mark.parametrize("settings", [dict(max_test_samples=12), dict(corrupt_test=True), dict(sweep_precision="bf16")])
def test_other_images_or_another_arithmetic_are_other_points(npz, tmp_path, monkeypatch, settings):
    kept = dict(checkpoint_dir=str(tmp_path), p=0.4)
    result = train_and_evaluate(config(npz, **kept))
    with counted(monkeypatch) as counts:
        both = train_and_evaluate(config(npz, **kept, **settings), result)
    assert counts.steps == 0 and counts.passes == 3
    assert len(both["measurements"]) == 2 and result["measurements"][0] in both["measurements"]
    alone = train_and_evaluate(config(npz, p=0.4, **settings))
    columns = ("acc_0", "acc_01", "drop_at_01", "test_loss")
    assert [both[name] for name in columns] == [alone[name] for name in columns]
    assert {row["settings"] for row in both["sweep"]} == {"{}", json.dumps(settings)}


def test_another_noise_model_is_another_measurement_that_shares_the_clean_point(npz, tmp_path, monkeypatch):
    kept = dict(checkpoint_dir=str(tmp_path), regime="clean")
    result = train_and_evaluate(config(npz, **kept))
    with counted(monkeypatch) as counts:
        both = train_and_evaluate(config(npz, **kept, noise_model="magnitude"), result)
    assert (counts.steps, counts.passes) == (0, 2)  # the unperturbed network is known
    clean = [row for row in both["sweep"] if row["alpha_test"] == 0]
    assert len(clean) == 2 and clean[0]["acc"] == clean[1]["acc"] == both["acc_0"]
    assert both["measurements"][0]["points"][1]["loss"] != both["measurements"][1]["points"][1]["loss"]


def test_a_few_test_images_are_a_fixed_balanced_subset_and_leave_the_record_of_training_alone(npz):
    small = dict(smoothed_accuracy=True)
    few, again, all_of_them = (
        train_and_evaluate(config(npz, **small, max_test_samples=count)) for count in (6, 6, None)
    )
    assert few["history"] == all_of_them["history"] and few["sha256"] == all_of_them["sha256"]
    assert timeless(few) == timeless(again) and few["run_id"] == all_of_them["run_id"]
    assert few["acc_0"] * 6 == round(few["acc_0"] * 6)
    batches = Batches(config(npz, **small, max_test_samples=6), prepared.load(npz, 8, "."), torch.device("cpu"))
    assert torch.bincount(torch.cat([labels for _, labels in batches.test()])).tolist() == [2, 2, 2]


def test_smoothed_accuracy_is_recorded_later_by_training_again(npz, tmp_path, monkeypatch):
    plain = config(npz, epochs=2, checkpoint_dir=str(tmp_path))
    result = train_and_evaluate(plain)
    asked = dataclasses.replace(plain, smoothed_accuracy=True)
    with counted(monkeypatch) as counts:
        recorded = train_and_evaluate(asked, read_back(result))
    assert counts.steps == 12 and counts.passes == 0
    assert recorded["sha256"] == result["sha256"] and recorded["measurements"] == result["measurements"]
    assert [row["epoch"] for row in recorded["history"]] == [1, 2] and "smoothed_acc" in recorded["history"][0]
    with counted(monkeypatch) as counts:
        train_and_evaluate(plain, recorded)
        train_and_evaluate(asked)
    assert counts.steps == 0


def test_a_diverged_run_is_not_measured_later_either(npz, tmp_path, monkeypatch):
    cfg = config(npz, learning_rate=1e30, optimizer="sgd", checkpoint_dir=str(tmp_path))
    result = train_and_evaluate(cfg)
    assert result["status"] == "diverged" and result["measurements"] == []
    with counted(monkeypatch) as counts:
        again = train_and_evaluate(dataclasses.replace(cfg, noise_samples=9), result)
    assert counts.steps == counts.passes == 0 and again["status"] == "diverged" and again["measurements"] == []


class Killed(Exception):
    """What ends a run while it is measured in these tests."""


def killed_after(patch: pytest.MonkeyPatch, evaluation: type, rows: int) -> None:
    """End the run after this many points of the evaluation, as a kill does."""
    measure = evaluation.measure

    def limited(self, wanted):
        for number, point in enumerate(measure(self, wanted)):
            if number == rows:
                raise Killed
            yield point

    patch.setattr(evaluation, "measure", limited)


@pytest.mark.parametrize("keeps_weights", [True, False])
@pytest.mark.parametrize(
    ("evaluation", "after", "left"), [(weight_noise.Evaluation, 2, 1 + 2), (quantization.Evaluation, 1, 1)]
)
def test_a_run_that_is_killed_while_it_is_measured_goes_on_where_it_was(
    npz, tmp_path, monkeypatch, keeps_weights, evaluation, after, left
):
    weights = str(tmp_path / "weights") if keeps_weights else None
    asked = dict(alpha_tests=(0, 0.1, 0.2), noise_samples=1, **ROUNDING)
    cfg = config(npz, **asked, checkpoint_dir=weights, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        killed_after(patch, evaluation, after)
        train_and_evaluate(cfg)
    with counted(monkeypatch) as counts:
        result = train_and_evaluate(cfg)
    assert (counts.steps, counts.passes) == (0, left)
    whole = train_and_evaluate(config(npz, **asked))
    assert timeless(result) == timeless(whole)


def test_points_of_other_weights_or_damaged_ones_are_measured_again(npz, tmp_path, monkeypatch, capsys):
    cfg = config(npz, checkpoint_dir=str(tmp_path), epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    whole = train_and_evaluate(cfg)
    (file,) = tmp_path.rglob("*.points")
    content = file.read_bytes()
    for changed in (content[:-30], content.replace(b'"loss": 0', b'"loss": 1'), b"[]", b"null"):
        file.write_bytes(changed)
        with counted(monkeypatch) as counts:
            assert all_points(train_and_evaluate(cfg)) == all_points(whole)
        assert counts.passes == 3 and "its points are measured again" in capsys.readouterr().err
    file.write_bytes(content)
    other = dataclasses.replace(cfg, checkpoint_dir=None, cpu_threads=2)
    train_and_evaluate(other)
    assert "was written by another run" in capsys.readouterr().err
