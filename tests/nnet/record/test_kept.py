"""The kept weights of a run: loaded, missing, damaged, or refused because they would be those of another network."""

import dataclasses
import functools
import json

import numpy as np
import pytest
import torch

from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.evaluations.parts import points
from nnet.files import checkpoint
from nnet.record import kept, provenance
from nnet_models import evaluate, train_and_evaluate
from tests.conftest import flipped, save_npz, small_run, timeless
from tests.counting import counted

config = functools.partial(small_run, regime="noisy", alpha_train=0.1, epochs=1, alpha_tests=(0, 0.1))
STEPS = 6


@pytest.fixture
def trained(npz, tmp_path):
    """A run that keeps its weights, its run file, and its configuration with one more strength."""
    cfg = config(npz, checkpoint_dir=str(tmp_path))
    run = points.stored(train_and_evaluate(cfg))
    return cfg, json.loads(json.dumps(run)), dataclasses.replace(cfg, alpha_tests=(0, 0.1, 0.3))


def complete(npz) -> dict:
    """What a run gives that asked for all at once."""
    return timeless(train_and_evaluate(config(npz, alpha_tests=(0, 0.1, 0.3))))


def test_deleted_weights_are_trained_again_and_kept_again(npz, trained, monkeypatch):
    cfg, run, more = trained
    cfg.weights_file.unlink()
    with counted(monkeypatch) as counts:
        result = train_and_evaluate(more, run)
    assert (counts.steps, counts.passes) == (STEPS, 2)
    assert timeless(result) == complete(npz) and result["train_seconds"] == run["train_seconds"]
    assert checkpoint.load(cfg.weights_file)["run"] == run_part(run)
    with counted(monkeypatch) as counts:
        train_and_evaluate(cfg, run)
        train_and_evaluate(more)
    assert counts.steps == 0


def run_part(run: dict) -> dict:
    return {name: value for name, value in run.items() if name not in ("asked", "measurements")}


@pytest.mark.parametrize("with_run_file", [True, False])
def test_damaged_weights_are_set_aside_noted_and_trained_again(npz, trained, monkeypatch, capsys, with_run_file):
    cfg, run, more = trained
    path = cfg.weights_file
    damaged = flipped(path.read_bytes(), 5000)
    path.write_bytes(damaged)
    with counted(monkeypatch) as counts:
        result = train_and_evaluate(more, run if with_run_file else None)
    assert counts.steps == STEPS and timeless(result) == complete(npz)
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damaged
    assert f"{path} is damaged: its check sum is wrong; it is renamed to {path.name}.damaged" in capsys.readouterr().err
    assert provenance.weights_sha256(kept.load_model(path)) == run["sha256"]["weights"]


def test_a_training_that_gives_other_weights_is_refused_and_leaves_the_kept_file(trained, monkeypatch):
    cfg, run, more = trained
    run["sha256"]["weights"] = "of another machine"
    before = cfg.weights_file.read_bytes()
    message = "the trained weights of .* are not kept in .*, and training again gave other weights than the run file"
    with counted(monkeypatch) as counts, pytest.raises(kept.Refused, match=message) as refused:
        train_and_evaluate(more, run)
    assert counts.passes == 0 and counts.steps == STEPS and cfg.weights_file.read_bytes() == before
    assert "restore the weights, or move the run file away" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("name", provenance.SAME_BITS)
def test_another_machine_is_refused_before_anything_is_trained(trained, monkeypatch, name):
    cfg, run, more = trained
    run["provenance"][name] = "another"
    with counted(monkeypatch) as counts:
        train_and_evaluate(more, run)  # the weights are there: any machine may measure them
        assert (counts.steps, counts.passes) == (0, 2)
        cfg.weights_file.unlink()
        with pytest.raises(kept.Refused, match=f"may give other weights here .{name} was 'another' and is .* here"):
            train_and_evaluate(more, run)
    assert (counts.steps, counts.passes) == (0, 2)


def test_weights_of_a_run_without_checkpoint_folder_are_checked_too(npz):
    run = train_and_evaluate(config(npz))
    run["sha256"]["weights"] = "x"
    with pytest.raises(kept.Refused, match="seed0-[0-9a-f]{16} are not kept, and training again gave other weights"):
        train_and_evaluate(config(npz, noise_samples=3), run)


def test_a_replaced_data_file_is_refused(tmp_path, monkeypatch):
    path = save_npz(tmp_path / "mine.npz")
    cfg = config(path)
    run = train_and_evaluate(cfg)
    save_npz(tmp_path / "mine.npz", y_test=np.arange(48) % 2)
    with counted(monkeypatch) as counts, pytest.raises(kept.Refused, match=r"mine.npz was replaced after this run"):
        train_and_evaluate(cfg)
    assert counts.steps == 0 and config(path).run_id != run["run_id"]


def test_other_data_of_the_same_name_are_refused(trained):
    _, run, more = trained
    run["sha256"]["data"] = "of an older download"
    with pytest.raises(kept.Refused, match="the data of blobs are not those that .* was trained on; restore them, or"):
        train_and_evaluate(more, run)


def test_the_run_file_of_another_configuration_is_refused(trained):
    _, run, more = trained
    with pytest.raises(ValueError, match="belongs to another configuration"):
        train_and_evaluate(dataclasses.replace(more, epochs=2), run)


@pytest.mark.parametrize("changed", ["config", "data", "weights"])
def test_without_a_run_file_only_weights_of_the_same_run_count(npz, trained, monkeypatch, capsys, changed):
    cfg, _, more = trained
    state = checkpoint.load(cfg.weights_file)
    if changed == "config":
        state["run"]["config"]["epochs"] = 7
    else:
        state["run"]["sha256"][changed] = "other"
    checkpoint.save(cfg.weights_file, state)
    with counted(monkeypatch) as counts:
        assert timeless(train_and_evaluate(more)) == complete(npz)
    assert counts.steps > 0 and f"{cfg.weights_file} is not used: " in capsys.readouterr().err


@pytest.mark.parametrize("arch", ["mlp_small", "lenet", "cnn"])
def test_a_model_is_loaded_from_its_file_alone(npz, tmp_path, arch):
    options = {"lenet": {"nfilters": 4}} if arch == "lenet" else {}
    cfg = config(npz, arch=arch, options=options, checkpoint_dir=str(tmp_path))
    result = train_and_evaluate(cfg)
    model = kept.load_model(cfg.weights_file)
    assert not model.training and provenance.weights_sha256(model) == result["sha256"]["weights"]
    batches = Batches(cfg, prepared.load(npz, 8, "."), torch.device("cpu"))
    assert evaluate(model, batches.test())[0] == result["acc_0"]


def test_what_is_no_file_of_a_run_is_refused(trained, tmp_path):
    path = tmp_path / "other.pt"
    checkpoint.save(path, {"weight": torch.zeros(2)})
    with pytest.raises(ValueError, match=r"other.pt holds no run"):
        kept.load_model(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is damaged"):
        kept.load_model(path)
    with pytest.raises(OSError, match="missing"):
        kept.load_model(tmp_path / "missing.pt")
