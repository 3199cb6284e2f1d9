"""When a launch writes tables."""

import signal
import time
from types import SimpleNamespace

import pytest

from campaign.analysis import current
from campaign.machine import signals
from campaign.running import tables
from campaign.running.tables import Tables
from campaign.store.folder import Store
from tests.campaign.analysis.making import result


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "digits")
    for seed in range(4):
        store.save(result(seed))
    return store


def folders_of(store: Store) -> SimpleNamespace:
    """The folders of a campaign that writes to this one."""
    return SimpleNamespace(stores=[store], check_there=store.check_there, remove_leftovers=store.remove_leftovers)


@pytest.mark.parametrize(("most", "written"), [(3, False), (4, True)])
def test_a_launch_that_is_stopped_leaves_large_tables_to_the_next_one(store, monkeypatch, most, written):
    monkeypatch.setattr(tables, "MOST_AT_STOP", most)
    made = Tables(folders_of(store))
    made.write_if_small()
    assert (store.folder / "sweep.csv").exists() == written
    assert "4 of 4 runs" in made.write()[0] and (store.folder / "sweep.csv").exists()


def test_a_signal_ends_the_writing_of_tables_and_leaves_the_old_ones(store, monkeypatch):
    made = Tables(folders_of(store))
    made.write()
    before = (store.folder / "sweep.csv").read_bytes()
    store.save(result(5))
    monkeypatch.setattr(current.tables, "made", lambda *_: signal.raise_signal(signal.SIGINT))
    with signals.handled(), pytest.raises(KeyboardInterrupt), signals.held():
        made.write()
    assert (store.folder / "sweep.csv").read_bytes() == before
    assert not [path for path in store.folder.iterdir() if path.suffix == ".tmp"]


def test_tables_take_a_small_share_of_the_time(store, monkeypatch):
    now, reports = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def report(*_) -> str:
        reports.append(now[0])
        now[0] += 10
        return ""

    monkeypatch.setattr(current, "report", report)
    made = Tables(folders_of(store))
    for _ in range(2000):
        now[0], made.due = now[0] + 1, True
        made.look_around()
    assert 1000 + tables.EVERY_S <= reports[0] <= 1000 + tables.EVERY_S + 1 and len(reports) in (4, 5)
    made.due = False
    now[0] += 10_000
    made.look_around()
    assert len(reports) <= 5
