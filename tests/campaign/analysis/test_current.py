"""Tables are written when something has changed, and only then."""

import random

import pytest

from campaign.analysis import current, excerpts, questions, remembered, tables
from campaign.store import index
from campaign.store.folder import Store
from nnet_models import train_and_evaluate
from tests.campaign.analysis.making import result
from tests.conftest import small_run


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


def mixed_runs() -> list[dict]:
    """Runs whose tables change their columns and types as runs are added, some of them measured again."""
    watched = [{"epoch": 1, "val_acc": 0.5, "val_loss": 1.0}]
    return [
        result(0, (1, 1)),
        result(1, regime="noisy", alpha_train=0.2),
        result(1, regime="noisy", alpha_train=0.2, accuracies=(0.9, 0.1)),
        result(2, diverged=True),
        result(3, epochs=7, columns={"first_noisy_epoch": 3}) | {"history": watched},
        result(4, evaluations=("quantization",), options={"quantization": {"bits": [4, 8]}}),
        result(5, arch="cnn", alpha_tests=(0,), learning_rate=1),
        result(5, arch="cnn", alpha_tests=(0,), learning_rate=0.5),
    ]


@pytest.mark.parametrize("order", range(2))
def test_tables_that_follow_a_campaign_are_those_of_all_its_runs(tmp_path, monkeypatch, order):
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "MANY", order)
    monkeypatch.setattr(remembered, "PART", 2)
    store, runs = Store(tmp_path / "digits"), mixed_runs()
    random.Random(order).shuffle(runs)
    first = current.excerpts_of(store)
    for part, known in ((runs[:5], first), (runs[5:], current.excerpts_of(store) if order else first)):
        for run in part:
            store.save(run)
        current.report(store, known)
    found = contents(store)
    tables.write(Store(store.folder))
    assert contents(store) == found


def test_only_runs_that_have_changed_are_read_again(store, monkeypatch):
    monkeypatch.setattr(remembered, "MANY", 0)
    current.report(store)
    store.save(result(7))
    read, result_of = [], Store.result
    monkeypatch.setattr(Store, "result", lambda self, run_id: read.append(run_id) or result_of(self, run_id))
    current.report(Store(store.folder))
    assert read == [result(7)["run_id"]]


def test_runs_that_a_launch_saves_are_not_read_and_make_the_same_tables(tmp_path, npz, monkeypatch):
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    trained = [small_run(npz, regime="beta", evaluations=("quantization", "layers")), small_run(npz, seed=1)]
    runs, store = [*mixed_runs(), *map(train_and_evaluate, trained)], Store(tmp_path / "digits")
    known = current.excerpts_of(store)
    for run in runs:
        known.add(run, store.save(run))
    with monkeypatch.context() as patch:
        patch.setattr(Store, "result", lambda *_: pytest.fail("a file was read"))
        found = known.all()
    read = excerpts.of(store.results().values())
    assert sorted(map(contents_of, found), key=str) == sorted(map(contents_of, read), key=str)


def contents_of(excerpt: excerpts.Excerpt) -> tuple:
    """All that an excerpt states, for a comparison."""
    return excerpt.cells, vars(excerpt.shape), excerpt.numbers, excerpt.history


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
