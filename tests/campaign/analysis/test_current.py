"""Tables are written when something has changed, and only then."""

import pytest

from campaign.analysis import current, questions, tables
from campaign.store import index
from campaign.store.folder import Store
from tests.campaign.analysis.making import result


@pytest.fixture
def store(tmp_path, monkeypatch) -> Store:
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    for module in (index, current):
        monkeypatch.setattr(module, "MANY", 2)
    monkeypatch.setattr("nnet.files.version.SETTLED_S", 0)
    store = Store(tmp_path / "digits")
    for seed in range(4):
        store.save(result(seed))
    return store


@pytest.fixture
def written(monkeypatch) -> list[str]:
    """A name for each time that tables are written."""
    times, save = [], tables.save
    monkeypatch.setattr(tables, "save", lambda folder, *made: times.append(folder.name) or save(folder, *made))
    return times


def contents(store: Store) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.folder.iterdir() if path.is_file()}


def test_tables_of_unchanged_runs_are_left_as_they_are(store, written):
    first = current.report(store)
    before = contents(store)
    assert "sweep.csv" in before and "4 of 4 runs" in first and "tables:" in first
    assert current.report(store) == current.report(Store(store.folder)) == first
    assert written == ["digits"] and contents(store) == before


def another_run(store: Store) -> None:
    store.save(result(7))


def another_value(store: Store) -> None:
    store.save(result(1, accuracies=(0.9, 0.7)))


def fewer_runs(store: Store) -> None:
    store.index.path(result(0)["run_id"]).unlink()


def another_reference(store: Store) -> None:
    store.remember_campaign([], {"seed": 1})


def no_table(store: Store) -> None:
    (store.folder / "results_summary.csv").unlink()


def an_edited_table(store: Store) -> None:
    path = store.folder / "sweep.csv"
    path.write_bytes(path.read_bytes().replace(b"clean", b"dirty"))


def no_memory(store: Store) -> None:
    index.cache_file(store.folder, current.KEPT).unlink()


def no_sound_memory(store: Store) -> None:
    index.cache_file(store.folder, current.KEPT).write_bytes(b'{"made_of": 1}')


@pytest.mark.parametrize(
    "change",
    [
        another_run, another_value, fewer_runs, another_reference, no_table, an_edited_table, no_memory,
        no_sound_memory,
    ],
)  # fmt: skip
def test_tables_are_written_when_something_has_changed(store, written, change):
    current.report(store)
    change(store)
    text = current.report(Store(store.folder))
    assert len(written) == 2
    found = contents(store)
    expected = tables.write(Store(store.folder))
    assert contents(store) == found and f"{len(expected['results_per_run'])} of" in text


def test_what_failed_is_asked_again(store, written, monkeypatch):
    monkeypatch.setattr(questions, "failed", {"epochs"})
    current.report(store)
    current.report(store)
    assert len(written) == 2


def test_the_first_line_counts_failures_of_now(store, written):
    current.report(store)
    (store.folder / "failures").mkdir()
    (store.folder / "failures/a.txt").touch()
    assert "4 of 5 runs, 1 failed" in current.report(store) and len(written) == 1
