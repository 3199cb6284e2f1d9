"""What is remembered of run files never differs from what they say."""

import json
import os
import shutil

import pytest

from campaign.planning import work
from campaign.store import index, run_file
from campaign.store.folder import Store
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from tests.campaign.stub import run_of

CONFIGS = [TrainConfig(seed=seed, alpha_tests=(0, 0.1), noise_samples=2) for seed in range(5)]


@pytest.fixture
def reads(monkeypatch, tmp_path) -> list[str]:
    """The names of the run files that are read; what was read is remembered at once."""
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(index, "MANY", 2)
    monkeypatch.setattr("nnet.files.version.SETTLED_S", 0)
    names, read = [], run_file.read
    monkeypatch.setattr(run_file, "read", lambda path: names.append(path.stem) or read(path))
    return names


@pytest.fixture
def folder(tmp_path, reads):
    store = Store(tmp_path / "digits")
    for config in CONFIGS:
        store.save(run_of(config))
    assert len(store.outlines()) == len(CONFIGS) == len(reads)
    reads.clear()
    return store.folder


def test_files_that_have_not_changed_are_not_read_again(folder, reads):
    store = Store(folder)
    outlines = store.outlines()
    assert reads == [] and outlines.keys() == {config.run_id for config in CONFIGS}
    assert store.outlines() is outlines and store.outline(CONFIGS[0].run_id) == outlines[CONFIGS[0].run_id]
    assert sum(run_file.seconds(run) for run in outlines.values()) == 5 * 4.0


@pytest.mark.parametrize("how", ["the same size and time", "another file in its place", "touched"])
def test_a_file_that_has_changed_is_read_again(folder, reads, how):
    path, run = Store(folder).index.path(CONFIGS[2].run_id), points.stored(run_of(CONFIGS[2], diverged_epoch=3))
    before = path.stat()
    content = path.read_bytes().replace(b'"status": "ok"', b'"status": "no"')
    if how == "the same size and time":
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
    elif how == "another file in its place":
        run_file.write(path, run)
    else:
        os.utime(path)
    store = Store(folder)
    damaged = how == "the same size and time"
    assert len(store.outlines()) == 5 - damaged and len(store.damaged) == damaged
    assert reads == [CONFIGS[2].run_id]
    assert damaged or Store(folder).outlines() == store.outlines()


def test_a_file_that_is_gone_counts_no_more(folder, reads):
    Store(folder).index.path(CONFIGS[1].run_id).unlink()
    store = Store(folder)
    assert store.outline(CONFIGS[1].run_id) is None and len(store.outlines()) == 4 and reads == []


def test_another_folder_in_its_place_is_read(folder, reads):
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)
    assert len(Store(folder).outlines()) == len(reads) == 5


def test_files_of_another_version_are_refused_whatever_is_remembered(folder):
    path = Store(folder).index.path(CONFIGS[1].run_id)
    run_file.write(path, points.stored(run_of(CONFIGS[1])) | {"form": 1})
    with pytest.raises(run_file.OtherForm):
        Store(folder).outlines()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 100_000, b"null", b'{"form": 1}', b'{"form": 1, "runs": {"a": [0]}}', b"\xff\x00"]
)
def test_what_is_remembered_may_be_lost_or_damaged(folder, reads, content):
    expected = Store(folder).outlines()
    place = index.cache_file(folder / "runs", "index")
    place.write_bytes(content)
    assert Store(folder).outlines() == expected and len(reads) == 5
    reads.clear()
    assert Store(folder).outlines() == expected and reads == []
    place.unlink()
    assert Store(folder).outlines() == expected and len(reads) == 5


def test_a_sound_file_of_another_shape_is_no_memory(folder, reads):
    place = index.cache_file(folder / "runs", "index")
    for runs in ([], {"a": [0]}, {"a": "0"}, {"a": "0 0 0 0 7 1.0 b c"}, {"a": "0 0 0 x 0 1.0 b c"}, {"a": None}):
        index.checked_json.save(place, {"form": index.FORM, "shapes": [], "runs": runs})
        reads.clear()
        assert len(Store(folder).outlines()) == len(reads) == 5


def test_where_the_cache_cannot_be_written_files_are_read(folder, reads, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "file"))
    for _ in range(2):
        reads.clear()
        assert len(Store(folder).outlines()) == len(reads) == 5


def test_a_young_file_is_read_once_more(folder, reads, monkeypatch):
    monkeypatch.setattr("nnet.files.version.SETTLED_S", 3600)
    store = Store(folder)
    store.save(run_of(CONFIGS[0], accuracy=0.8))
    for _ in range(2):
        assert store.outline(CONFIGS[0].run_id)["content_sha256"] and reads == [CONFIGS[0].run_id]
    monkeypatch.setattr("nnet.files.version.SETTLED_S", 0)
    for _ in range(2):
        assert store.outline(CONFIGS[0].run_id)["content_sha256"] and reads == 2 * [CONFIGS[0].run_id]


def test_runs_of_one_shape_share_their_parts(folder):
    outlines = [*Store(folder).outlines().values()]
    assert all(outline["measurements"] is outlines[0]["measurements"] for outline in outlines)
    assert len(json.dumps(outlines[0]["measurements"])) < 1000


ASKED = [
    {}, {"noise_samples": 3}, {"alpha_tests": (0,)}, {"alpha_tests": (0, 0.1, 0.3)}, {"evaluations": ("quantization",)},
    {"max_test_samples": 50}, {"smoothed_accuracy": True}, {"noise_model": "magnitude"},
]  # fmt: skip


@pytest.mark.parametrize(
    "known", [{}, {"evaluations": ("quantization",)}, {"noise_samples": 3}, {"status": "diverged"}]
)
def test_an_outline_answers_as_the_file_does(tmp_path, reads, known):
    changed = {"status": known["status"], "measurements": []} if "status" in known else {}
    settings = {name: value for name, value in known.items() if name != "status"}
    config = TrainConfig(**{"alpha_tests": (0, 0.1), "noise_samples": 2} | settings)
    store = Store(tmp_path)
    store.save(run_of(config, **changed))
    requests = [TrainConfig(**{"alpha_tests": (0, 0.1), "noise_samples": 2} | asked) for asked in ASKED]
    full, answers = store.result(config.run_id), work.Answers()
    for outline in (store.outline(config.run_id), Store(tmp_path).outlines()[config.run_id]):
        for request in requests:
            assert request.run_id == config.run_id
            assert answers.left([request], outline) == work.Answers().left([request], full)
            assert answers.points_left([request], outline) == work.Answers().points_left([request], full)
            assert answers.is_last_asked(request, outline) == (full["asked"] == request.measuring())
        assert answers.left(requests, outline) == work.Answers().left(requests, full)
        assert run_file.seconds(outline) == run_file.seconds(full) and run_file.points(outline) == run_file.points(full)
