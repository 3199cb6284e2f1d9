"""Kept weights: a network is loaded from them, they are listed, and deleted where nothing needs them any more."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

import campaign
from campaign.store.claims import Claims
from nnet.checks import ConfigError
from nnet.data import prepared
from nnet.files.host import HOST
from nnet_models import evaluate
from tests.campaign.commands.small import ONE, TWO, contents, launch, points, run_paths, runs, weights
from tests.conftest import flipped, timeless


@pytest.fixture(scope="module")
def finished(npz, tmp_path_factory) -> Path:
    """Two networks, measured as asked."""
    folder = tmp_path_factory.mktemp("finished")
    assert launch(npz, folder, *TWO) == 0
    return folder


@pytest.fixture
def place(finished, tmp_path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "place"))


def load(place: Path, run_id: str) -> torch.nn.Module:
    return campaign.load_model(run_id, place / "results", place / "checkpoints")


def test_a_loaded_network_has_the_recorded_accuracy_and_is_in_evaluation_mode(npz, place):
    images = prepared.load(npz, 8, ".")
    run = runs(place)[1]
    model = load(place, run["run_id"])
    assert not model.training
    pixels = images.x_test.expand(-1, 3, -1, -1).float() / 255
    accuracy, loss = evaluate(model, [(pixels, images.y_test)])
    clean = points(run)[0.0, 0]
    assert accuracy == clean["acc"] and loss == pytest.approx(clean["loss"], rel=1e-6)


def test_what_cannot_be_loaded_is_one_sentence(place, tmp_path):
    first, second = (path.stem for path in run_paths(place))
    with pytest.raises(ConfigError, match=f"no finished run '{first[:-1]}' in .*did you mean '{first}'"):
        load(place, first[:-1])
    one, two = weights(place)
    shutil.copy(two, one)
    with pytest.raises(ConfigError, match=f"{one.name} does not hold the weights of {first}"):
        load(place, first)
    two.write_bytes(flipped(two.read_bytes(), 3000))
    with pytest.raises(ConfigError, match=f"{two.name} is damaged"):
        load(place, second)
    two.unlink()
    with pytest.raises(ConfigError, match=f"the weights of {second} are not kept: there is no file"):
        load(place, second)
    shutil.copytree(place / "results/blobs", place / "results/copy")
    with pytest.raises(ConfigError, match="is in .*blobs and .*copy"):
        load(place, first)


def listed(npz: str, place: Path, capsys, *words: str) -> dict[str, str]:
    """State by run_id."""
    capsys.readouterr()
    assert launch(npz, place, *words, "--list-weights", "--json") == 0
    files = json.loads(capsys.readouterr().out)
    assert files["mb"] == pytest.approx(sum(file["mb"] for file in files["files"]))
    assert all(file["mb"] == Path(file["file"]).stat().st_size / 1e6 for file in files["files"])
    return {file["run_id"]: file["state"] for file in files["files"]}


def test_the_list_says_what_each_file_is(npz, place, capsys):
    first, second = (path.stem for path in run_paths(place))
    assert listed(npz, place, capsys, *TWO) == {first: "measured as asked", second: "measured as asked"}
    assert listed(npz, place, capsys, *ONE) == {first: "measured as asked", second: "not in this list"}
    assert listed(npz, place, capsys, *TWO, "--noise-samples", "3") == {first: "unfinished", second: "unfinished"}
    run_paths(place)[1].unlink()
    assert listed(npz, place, capsys, *ONE) == {first: "measured as asked", second: "no run file"}
    assert listed(npz, place, capsys, *TWO) == {first: "measured as asked", second: "unfinished"}
    path = weights(place)[0]
    path.rename(f"{path}.damaged")
    before = contents(place)
    assert listed(npz, place, capsys, *ONE) == {first: "damaged", second: "no run file"}
    assert contents(place) == before


def test_the_list_is_a_table_with_sums(npz, place, capsys):
    capsys.readouterr()
    assert launch(npz, place, *ONE, "--list-weights") == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "dataset", "MB", "state"]
    assert [row.split()[0] for row in rows[:2]] == [path.stem for path in run_paths(place)]
    assert rows[3].startswith("kept: 2 files, ") and "1 measured as asked, " in rows[4]


def prune(npz: str, place: Path, capsys, *words: str) -> dict:
    capsys.readouterr()
    assert launch(npz, place, *words, "--prune-weights", "--json") == 0
    return json.loads(capsys.readouterr().out)


def test_only_weights_of_runs_measured_as_asked_are_deleted(npz, place, capsys):
    one, two = weights(place)
    damaged = Path(shutil.copy(one, f"{one}.damaged"))
    others = Path(shutil.copy(one, f"{two}.damaged"))
    orphan = Path(shutil.copy(one, one.with_name("orphan.pt")))
    unfinished = prune(npz, place, capsys, *TWO, "--alpha-tests", "0", "0.7")
    assert [file["file"] for file in unfinished["deleted"]] == [str(damaged), str(others)]
    assert one.exists() and two.exists() and not damaged.exists() and not others.exists()
    shutil.copy(one, damaged)
    shutil.copy(one, others)
    sizes = one.stat().st_size + damaged.stat().st_size
    said = prune(npz, place, capsys, *ONE)
    assert [file["file"] for file in said["deleted"]] == [str(one), str(damaged)] and said["in_use"] == {}
    assert said["mb"] == pytest.approx(sizes / 1e6)
    assert not one.exists() and not damaged.exists()
    assert two.exists() and orphan.exists() and others.exists()
    assert list((place / "results/blobs/claims").glob("*.json")) == []


def test_weights_of_a_run_that_a_launcher_works_on_stay(npz, place, capsys):
    first, second = (path.stem for path in run_paths(place))
    assert Claims(place / "results/blobs/claims").take(first)
    said = prune(npz, place, capsys, *TWO)
    assert said["in_use"] == {first: f"process {os.getpid()} on {HOST}"}
    assert [path.stem for path in weights(place)] == [first]
    assert [file["run_id"] for file in said["deleted"]] == [second]


def test_pruned_runs_stay_finished_and_are_trained_again_to_the_same_bits_for_new_points(npz, place, capsys):
    before = runs(place)
    prune(npz, place, capsys, *TWO)
    assert weights(place) == []
    assert launch(npz, place, *TWO) == 0
    assert "2 runs: 2 finished, 0 to do" in capsys.readouterr().out and runs(place) == before
    assert launch(npz, place, *TWO, "--alpha-tests", "0", "0.1", "0.3") == 0
    for old, new in zip(before, runs(place), strict=True):
        assert timeless(new)["sha256"] == timeless(old)["sha256"] and points(new).keys() > points(old).keys()


def test_runs_that_keep_no_weights_have_none_to_list(npz, place, capsys):
    for command in ("--list-weights", "--prune-weights"):
        capsys.readouterr()
        assert launch(npz, place, *TWO, command, "--checkpoint-dir", "none") == 2
        assert capsys.readouterr().err == "error: these runs keep no weights: checkpoint_dir is None\n"
