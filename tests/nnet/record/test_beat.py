"""A run says how far it is, once a second at most, and never fails because it cannot."""

import pytest

from campaign.engines.base import Failure
from campaign.store.folder import Store
from nnet.record import beat
from nnet_models import train_and_evaluate
from tests.conftest import interrupted, small_run, timeless


@pytest.fixture
def kept(npz, tmp_path, monkeypatch):
    """A run whose every epoch and point is a beat, and what each beat says, in order."""
    said = []
    written = beat.write_file

    def write(path, content, durable=True):
        written(path, content, durable)
        said.append(beat.read(path))
        assert not durable

    monkeypatch.setattr(beat, "EVERY_S", 0.0)
    monkeypatch.setattr(beat, "write_file", write)
    folders = {"epoch_checkpoint_dir": str(tmp_path), "epoch_checkpoint_s": 0}
    return small_run(npz, epochs=3, alpha_tests=(0, 0.1), **folders), said


def test_epochs_and_points_are_counted_one_after_the_other(kept):
    run, said = kept
    train_and_evaluate(run)
    assert [(one["epochs"], one["points"], one["new"]) for one in said] == [
        *[(epoch, 0, epoch) for epoch in (1, 2, 3, 3)],  # the last state is kept once more before it is measured
        *[(3, point, point) for point in (1, 2, 3)],
    ]
    assert all(one["seconds"] >= 0 for one in said)


def test_a_resumed_run_says_what_it_has_done_itself(kept, monkeypatch):
    run, said = kept
    interrupted(run, monkeypatch, 2)
    said.clear()
    train_and_evaluate(run)
    assert (said[0]["epochs"], said[0]["new"]) == (3, 1)


def test_a_short_run_writes_none_and_neither_does_one_without_a_folder(npz, tmp_path, monkeypatch):
    monkeypatch.setattr(beat, "write_file", lambda *arguments, **keywords: pytest.fail("it wrote"))
    train_and_evaluate(small_run(npz, epochs=1, epoch_checkpoint_dir=str(tmp_path)))
    monkeypatch.setattr(beat, "EVERY_S", 0.0)
    train_and_evaluate(small_run(npz, epochs=1))


def test_a_beat_that_cannot_be_written_is_left_out(kept, npz, monkeypatch):
    run, said = kept

    def full(*arguments, **keywords):
        raise beat.CannotWrite("the disk is full")

    monkeypatch.setattr(beat, "write_file", full)
    result = train_and_evaluate(run)
    assert said == [] and timeless(result) == timeless(
        train_and_evaluate(small_run(npz, epochs=3, alpha_tests=(0, 0.1)))
    )


def test_the_folder_says_where_a_run_would_resume_until_it_has_a_beat(kept, tmp_path):
    run, _ = kept
    store = Store(tmp_path / "blobs")
    (tmp_path / "blobs/partial").mkdir(parents=True)
    path = tmp_path / f"blobs/partial/{run.run_id}.beat"
    assert store.beat(run.run_id) == {"epochs": 0, "points": 0}
    path.with_suffix(".epoch").write_text("2")
    for wrong in (b"", b"{", b'{"epochs": 1}', b'{"epochs": -1, "points": 0, "new": 0, "seconds": 1.0}', b"0" * 300):
        path.write_bytes(wrong)
        assert store.beat(run.run_id) == {"epochs": 2, "points": 0}
    path.write_text('{"epochs": 3, "points": 1, "new": 1, "seconds": 2.0}')
    assert store.beat(run.run_id) == {"epochs": 3, "points": 1, "new": 1, "seconds": 2.0}
    assert store.partly_done() == set()


def test_a_beat_is_no_progress_that_a_death_leaves_and_is_gone_with_the_run(kept, tmp_path):
    run, _ = kept
    store, path = Store(tmp_path / "blobs"), tmp_path / f"blobs/partial/{run.run_id}.beat"
    path.parent.mkdir(parents=True)
    for deaths in (1, 2, 3):
        path.write_text(f'{{"epochs": {deaths}, "points": 0, "new": 1, "seconds": 2.0}}')
        assert store.died(run.run_id) == deaths
    store.fail(run, Failure("ArithmeticError", "it fails", ""))
    assert not path.exists()
    path.write_text("{}")
    store.save(train_and_evaluate(run))
    assert not path.exists()
