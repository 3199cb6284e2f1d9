"""What is printed while runs are under way: runs, epochs and points of the whole campaign, and the time left."""

import re
import time
from dataclasses import asdict, replace

import pytest

from campaign.engines.workers import tasks
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import progress
from campaign.store.folder import Store
from tests.campaign.planning.test_costs import COST
from tests.campaign.stub import run_of
from tests.conftest import small_run


@pytest.fixture
def runs(npz):
    return [small_run(npz, seed=seed, epochs=10, alpha_tests=(0, 0.1)) for seed in range(4)]  # three points each


@pytest.fixture
def resumed(runs, tmp_path, monkeypatch):
    """A campaign of four runs at made-up costs; one was finished before, one lacks a point."""
    tried = {"data_sha256": "", "machine": {}, "not_noised": [], "cost": asdict(COST), "busy": False}
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(tasks, "pilot", lambda config: tried)
    monkeypatch.setattr(tasks, "look", lambda config: tried)
    store = Store(tmp_path / "blobs")
    store.save(run_of(runs[0]))
    store.save(run_of(replace(runs[1], noise_samples=1)))
    return prepare(runs, Launch(tmp_path, "serial"))


def beat(campaign, run, **said) -> None:
    path = campaign.stores["blobs"].folder / f"partial/{run.run_id}.beat"
    path.parent.mkdir(exist_ok=True)
    path.write_text(str(said).replace("'", '"'))


def test_all_runs_are_counted_after_a_resume(resumed, runs, capsys):
    shown = progress.Progress(resumed, {run.run_id: resumed.known(run) for run in resumed.pending})
    assert str(shown.counted()) == "20/40 epochs, 5/12 points"
    shown.finished(runs[2], run_of(runs[2]))
    assert str(shown.counted()) == "30/40 epochs, 8/12 points"
    line = r"\[2/4\] \S+-seed2-\S+  trained: acc 0.9000 drop\(0.1\) 0.0000, 4 s  \(\d+ (s|min) left\)\n"
    assert re.fullmatch(line, capsys.readouterr().out)
    before = resumed.stores["blobs"].result(runs[1].run_id)
    shown.finished(runs[1], run_of(runs[1], known=before))
    line = r"\[3/4\] \S+-seed1-\S+  measured: acc 0.9000 drop\(0.1\) 0.0000, 1 new points, \d+ s  \(.*\)\n"
    assert re.fullmatch(line, capsys.readouterr().out)


def test_elsewhere_than_on_a_terminal_a_line_says_now_and_then_how_far_it_is(resumed, runs, monkeypatch, capsys):
    shown = progress.Progress(resumed, {})
    beat(resumed, runs[2], epochs=5, points=0, new=5, seconds=1.0)
    shown.look([runs[2].run_id])
    assert capsys.readouterr().out == ""  # too soon
    later = time.monotonic() + progress.QUIET_S + 1
    monkeypatch.setattr(progress.time, "monotonic", lambda: later)
    shown.look([runs[2].run_id])
    assert re.fullmatch(r"\[1/4\] 25/40 epochs, 5/12 points  \(\d+ (s|min) left\)\n", capsys.readouterr().out)


def test_a_terminal_shows_it_from_the_beginning_on(resumed, runs, monkeypatch, capsys):
    monkeypatch.setattr(progress, "is_terminal", lambda stream: True)
    monkeypatch.setattr(progress, "LOOK_S", 0.0)
    shown = progress.Progress(resumed, {})
    assert re.search(r"1/4 runs .*20/40 epochs, 5/12 points, \d+ (s|min) left", capsys.readouterr().err)
    beat(resumed, runs[2], epochs=10, points=2, new=2, seconds=1.0)
    shown.look([runs[2].run_id])
    assert re.search(r"1/4 runs .*30/40 epochs, 7/12 points, \d+ (s|min) left", capsys.readouterr().err)
    assert 1.6 < shown.bar.n < 2
    shown.finished(runs[2], run_of(runs[2]))
    shown.look([])
    assert re.search(
        r"2/4 runs .*30/40 epochs, 8/12 points, .* left, last: \S+  ?trained: acc", capsys.readouterr().err
    )
    shown.close()
