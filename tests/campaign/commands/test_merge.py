"""`--merge`: runs and points of two results folders become one folder, or nothing changes."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from campaign.store.claims import Claims
from campaign.store.folder import Store
from nnet.files.atomic import CannotWrite
from nnet.files.host import HOST
from tests.campaign.commands.small import ONE, TWO, change, contents, launch, run_paths, runs, same

MORE = ("--alpha-tests", "0", "0.1", "0.3", "--noise-samples", "3", "--evaluations", "quantization")


@pytest.fixture(scope="module")
def campaigns(npz, tmp_path_factory) -> Path:
    """One network at two strengths in `here`, two networks with more points in `there`."""
    folder = tmp_path_factory.mktemp("campaigns")
    assert launch(npz, folder / "here", *ONE) == 0
    assert launch(npz, folder / "there", *TWO, *MORE) == 0
    return folder


@pytest.fixture
def place(campaigns, tmp_path) -> Path:
    return Path(shutil.copytree(campaigns, tmp_path / "campaigns"))


def merge(npz: str, place: Path, folder: str = "there/results") -> int:
    return launch(npz, place / "here", "--merge", str(place / folder))


def refused(npz: str, place: Path, capsys, folder: str = "there/results") -> str:
    """The one sentence with which a merge ends that changes nothing."""
    before = contents(place)
    capsys.readouterr()
    assert merge(npz, place, folder) == 2
    printed = capsys.readouterr()
    after = {path: content for path, content in contents(place).items() if path.name != ".lock"}
    assert printed.err.count("\n") == 1 and after == {path: before.get(path) for path in after}
    assert before.keys() >= after.keys() and printed.out == ""
    return printed.err


@pytest.mark.parametrize("folder", ["there/results", "there/results/blobs"])
def test_runs_are_copied_and_points_joined(npz, place, capsys, folder):
    there = contents(place / "there")
    capsys.readouterr()
    assert merge(npz, place, folder) == 0
    assert "2 runs of" in (said := capsys.readouterr().out) and "1 new, 1 with new points, 0 already there" in said
    merged, complete = runs(place / "here"), runs(place / "there")
    assert len(merged) == 2 and all(map(same, merged, complete))
    assert contents(place / "there") == there
    per_run = pd.read_csv(place / "here/results/blobs/results_per_run.csv")
    sweep = pd.read_csv(place / "here/results/blobs/sweep.csv")
    assert len(per_run) == 2 and {*sweep["alpha_test"]} >= {0, 0.1, 0.3}
    assert list((place / "here/results/blobs/claims").glob("*.json")) == []


def test_merging_again_changes_no_run(npz, place, capsys):
    assert merge(npz, place) == 0
    before = [path.read_bytes() for path in run_paths(place / "here")]
    capsys.readouterr()
    assert merge(npz, place) == 0
    assert "0 new, 0 with new points, 2 already there" in capsys.readouterr().out
    assert [path.read_bytes() for path in run_paths(place / "here")] == before


def test_a_launch_after_it_finds_everything_done(npz, place, capsys):
    assert merge(npz, place) == 0
    capsys.readouterr()
    assert launch(npz, place / "here", *TWO, *MORE) == 0
    assert "2 runs: 2 finished, 0 to do" in capsys.readouterr().out


def other_point(run):
    (measurement,) = (one for one in run["measurements"] if one["evaluation"] == "weight_noise")
    (point,) = (one for one in measurement["points"] if (one["strength"], one["draw"]) == (0.1, 1))
    point["acc"] += 1e-9


def other_weights(run):
    run["sha256"]["weights"] = "0" * 64


def other_configuration(run):
    run["config"]["batch_size"] = 17


def other_data(run):
    run["sha256"]["data"] = "0" * 64


CONFLICTS = {
    other_point: "weight_noise has two different values at strength 0.1, draw 1; no run was merged",
    other_weights: "has other trained weights in",
    other_configuration: "has another configuration in",
    other_data: "different data of one name",
}


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda conflict: conflict.__name__)
def test_a_contradiction_is_named_and_nothing_is_changed(npz, place, capsys, conflict):
    both = run_paths(place / "here")[0].name
    change(place / "there/results/blobs/runs" / both, conflict)
    sentence = refused(npz, place, capsys)
    assert CONFLICTS[conflict] in sentence
    assert conflict is other_data or both.removesuffix(".json") in sentence


def test_wrong_folders_are_one_sentence(npz, place, capsys):
    assert "there is no folder" in refused(npz, place, capsys, "nowhere")
    (place / "empty").mkdir()
    assert "there are no run files in" in refused(npz, place, capsys, "empty")
    for part in ("here/results", "here/results/blobs"):
        assert "lie in the output folder" in refused(npz, place, capsys, part)
    path = run_paths(place / "there")[0]
    path.write_text(path.read_text().replace('"acc"', '"acb"', 1))
    assert "is damaged" in refused(npz, place, capsys)


def test_a_run_that_a_launcher_works_on_is_not_touched(npz, place, capsys):
    run_id = run_paths(place / "there")[1].stem
    other = Claims(place / "here/results/blobs/claims")
    assert other.take(run_id)
    assert f"process {os.getpid()} on {HOST} works on {run_id}" in refused(npz, place, capsys)
    other.release(run_id)
    assert merge(npz, place) == 0


def test_a_merge_that_a_full_disk_ends_is_finished_by_the_same_command(npz, place, capsys, monkeypatch):
    saved, save = [], Store.save

    def full(self, run):
        if saved:
            raise CannotWrite("cannot write in results: No space left on device")
        saved.append(run)
        return save(self, run)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", full)
        capsys.readouterr()
        assert merge(npz, place) == 1 and "No space left" in capsys.readouterr().err
    assert merge(npz, place) == 0
    assert all(map(same, runs(place / "here"), runs(place / "there")))


def test_folders_without_common_runs_are_joined_by_copying_files(npz, place, tmp_path, capsys):
    assert launch(npz, tmp_path / "third", "--seeds", "7") == 0
    shutil.copytree(tmp_path / "third", place / "here", dirs_exist_ok=True)
    capsys.readouterr()
    assert launch(npz, place / "here", "--seeds", "0", "7") == 0
    assert "2 runs: 2 finished, 0 to do" in capsys.readouterr().out
    assert sorted(pd.read_csv(place / "here/results/blobs/results_per_run.csv")["seed"]) == [0, 7]
