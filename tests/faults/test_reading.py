"""Campaigns over folders that hold damaged, foreign and hostile files: set aside or refused in one sentence."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from campaign.store import run_file
from campaign.store.completeness import completeness
from campaign.store.folder import Store
from nnet.files import checkpoint
from nnet.files.content import sha256_of_file
from nnet_models import train_and_evaluate
from tests.campaign.commands.small import ONE, launch, run_paths, weights
from tests.conftest import flipped, interrupted, save_npz, small_run, timeless
from tests.faults.readers import checked


@pytest.fixture(scope="module")
def finished(npz, tmp_path_factory):
    """A finished campaign of one run, for all tests of this file."""
    folder = tmp_path_factory.mktemp("finished")
    assert launch(npz, folder, *ONE) == 0
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    return tmp_path / "copy"


def without(*names):
    """A run file with a right check sum that lacks the value at the end of this path."""

    def content(run: dict) -> bytes:
        place = run
        for name in names[:-1]:
            place = place[name]
        del place[names[-1]]
        return checked(run)

    return content


HOSTILE = {
    "deep": lambda run: b"[" * 200_000,
    "deep in a sound file": lambda run: checked(run | {"provenance": json.loads("[" * 500 + "]" * 500)}),
    "no measurements": without("measurements"),
    "no points": without("measurements", 0, "points"),
    "no configuration": without("config"),
    "no hash of the data": without("sha256", "data"),
    "a text as accuracy": lambda run: run["measurements"][0]["points"][0].update(acc="1") or checked(run),
    "an infinite accuracy": lambda run: json.dumps(run).replace('"acc": 0', '"acc": 1e999').encode(),
    "a list as status": lambda run: checked(run | {"status": ["ok"]}),
    "a folder's name as dataset": lambda run: checked(run | {"dataset": "../elsewhere"}),
    "another run": lambda run: checked(run | {"run_id": "another"}),
    "a list": lambda run: checked([run]),
    "half a character": lambda run: checked(run | {"activation": "\ud800"}),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_run_file_is_no_run_and_is_set_aside(folder, how):
    (path,) = run_paths(folder)
    content = HOSTILE[how](json.loads(path.read_bytes()))
    path.write_bytes(content)
    store = Store(path.parent.parent)
    assert store.results() == {}
    (reason,) = store.damaged.values()
    assert str(path) in reason and "is damaged" in reason and "\n" not in reason
    assert [aside.read_bytes() for aside in store.set_aside_damaged()] == [content]


def test_a_campaign_says_what_it_set_aside_and_does_that_run_again(npz, folder, capsys):
    (path,) = run_paths(folder)
    sound = run_file.read(path)
    path.write_bytes(HOSTILE["no measurements"](json.loads(path.read_bytes())))
    assert launch(npz, folder, *ONE, "--status") == 0
    assert launch(npz, folder, "--verify", path.stem) == 2
    assert launch(npz, folder, *ONE) == 0
    printed = capsys.readouterr()
    assert f"{path.name} was damaged: it is kept as" in printed.out and "Traceback" not in printed.err
    assert timeless(run_file.read(path))["measurements"] == timeless(sound)["measurements"]


def test_what_is_damaged_twice_is_kept_twice(npz, folder):
    (run,), (kept,) = run_paths(folder), weights(folder)
    for content in (b"first", b"second"):
        run.write_bytes(content)
        kept.write_bytes(content)
        assert launch(npz, folder, *ONE) == 0
    for path in (run, kept):
        assert path.with_name(f"{path.name}.damaged").read_bytes() == b"first"
        assert path.with_name(f"{path.name}.damaged-2").read_bytes() == b"second"
    assert launch(npz, folder, *ONE, "--prune-weights") == 0
    assert not list(kept.parent.iterdir())


@pytest.mark.parametrize("content", ["[]", "{", '{"runs": 5}', '{"seconds": {"a": "b"}}', "[" * 99_999, "5"])
def test_a_damaged_campaign_json_counts_as_missing_with_a_warning(tmp_path, capsys, content):
    (tmp_path / "campaign.json").write_text(content)
    assert Store(tmp_path).estimates() == ({}, {}, {}) and completeness(tmp_path) == "0 of 0 runs"
    (line,) = capsys.readouterr().err.splitlines()
    assert "campaign.json is damaged" in line and "until the next launch writes it" in line
    Store(tmp_path).remember_campaign(["a"], {"p": 0})
    assert completeness(tmp_path) == "0 of 1 runs, 1 pending"


def test_a_bit_of_what_runs_are_compared_with_is_not_believed(folder, capsys):
    path = folder / "results/blobs/campaign.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"clean"', b'"cleaN"'))
    assert Store(path.parent).estimates() == ({}, {}, {}) and "its check sum is wrong" in capsys.readouterr().err


def test_deaths_with_a_flipped_bit_are_not_believed(tmp_path):
    store = Store(tmp_path)
    assert store.died("a") == 1
    (path,) = tmp_path.glob("deaths/*")
    path.write_bytes(path.read_bytes().replace(b'"deaths": 1', b'"deaths": 9'))
    assert store.died("a") == 1


def test_a_pipe_among_the_run_files_stops_nobody(npz, folder, capsys):
    (path,) = run_paths(folder)
    path.unlink()
    os.mkfifo(path)
    assert launch(npz, folder, *ONE) == 0 and "was damaged" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [{"model": {}}, {"regime": {}}, {"history": [3]}, {"seconds": "1"}, {"identity": []}])
def test_an_unfinished_training_of_another_shape_is_ignored_and_changes_nothing(
    npz, tmp_path, monkeypatch, capsys, wrong
):
    cfg = small_run(npz, epoch_checkpoint_dir=str(tmp_path), epoch_checkpoint_s=0)
    interrupted(cfg, monkeypatch, 1)
    state = torch.load(cfg.partial_file, weights_only=True)
    checkpoint.save(Path(cfg.partial_file), state | wrong)
    result = train_and_evaluate(cfg)
    assert "the run starts from its beginning" in capsys.readouterr().err
    assert timeless(result) == timeless(train_and_evaluate(small_run(npz)))


def test_a_file_that_is_replaced_after_the_first_run_ends_the_others_with_a_sentence(tmp_path):
    path = Path(save_npz(tmp_path / "a.npz"))
    first, second = (small_run(str(path), seed=seed) for seed in (0, 1))
    named = (first.run_id, second.run_id)
    train_and_evaluate(first)
    status = os.stat(path)
    content = path.read_bytes()
    path.write_bytes(flipped(content, content.index(b"x_test.npy") + 500))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert sha256_of_file(path) != second.dataset_sha256 and named[1] == second.run_id
    with pytest.raises((RuntimeError, ValueError), match=r"a\.npz was replaced after this run"):
        train_and_evaluate(second)
