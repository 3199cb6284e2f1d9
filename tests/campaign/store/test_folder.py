import json
import os
import subprocess
from pathlib import Path

import pytest

from campaign.engines.base import Failure
from campaign.store import run_file
from campaign.store.completeness import completeness
from campaign.store.folder import Store
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files.atomic import CannotWrite
from nnet.files.temporary import MACHINE
from tests.campaign.stub import run_of
from tests.conftest import flipped

FAILURE = Failure("ValueError", "too small", "Traceback (most recent call last): …\n")


def config(seed: int, **changed) -> TrainConfig:
    return TrainConfig(seed=seed, alpha_tests=(0, 0.1), **changed)


def result(seed: int, **changed) -> dict:
    return run_of(config(seed), **changed)


def stored(result: dict) -> dict:
    """The run file of a result: without what follows from its measurements."""
    follows = "sweep acc_0 acc_01 drop_at_01 test_loss sweep_seconds".split()
    return {name: value for name, value in result.items() if name not in follows}


def saved(store: Store, run: dict) -> Path:
    """Save a run; its file."""
    store.save(run)
    return store.folder / "runs" / f"{run['run_id']}.json"


def test_a_saved_run_is_found_by_another_store(tmp_path):
    path = saved(Store(tmp_path), result(3))
    assert Store(tmp_path).results() == {result(3)["run_id"]: stored(result(3))}
    assert [item.name for item in path.parent.iterdir()] == [path.name]


def test_runs_that_others_add_are_seen(tmp_path):
    first, second = Store(tmp_path), Store(tmp_path)
    first.save(result(0))
    second.save(result(1))
    assert len(first.results()) == len(second.results()) == 2


def test_a_failure_says_what_was_run_how_often_and_why(tmp_path):
    store, config = Store(tmp_path), TrainConfig(seed=5)
    store.fail(config, FAILURE)
    text = store.fail(config, FAILURE).read_text()
    assert config.run_id in text and "tried 2 time(s)" in text and "ValueError: too small" in text
    assert '"seed": 5' in text and "Traceback" in text
    assert store.failed() == [config.run_id]


def test_a_run_that_succeeds_is_a_failure_no_more(tmp_path):
    store = Store(tmp_path)
    store.fail(config(0), FAILURE)
    store.save(result(0))
    assert store.failed() == []


def test_nothing_that_is_not_json_is_written(tmp_path):
    with pytest.raises(ValueError):
        Store(tmp_path).save(result(0, train_loss=float("nan")))
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"run_id": "another"})])
def test_a_damaged_run_file_is_no_run_and_is_set_aside(tmp_path, content):
    path = saved(Store(tmp_path), result(0))
    path.write_text(content)
    store = Store(tmp_path)
    assert store.results() == {} and f"{path.name} is damaged" in store.damaged[path]
    assert store.set_aside_damaged() == [path.with_name(f"{path.name}.damaged")]
    assert not path.exists() and path.with_name(f"{path.name}.damaged").read_text() == content
    store.save(result(0))
    assert Store(tmp_path).results() == {path.stem: stored(result(0))}


def test_of_two_that_see_a_damaged_file_one_sets_it_aside_and_a_new_one_stays(tmp_path):
    path = saved(Store(tmp_path), result(0))
    path.write_text("{")
    first, second, third = (Store(tmp_path) for _ in range(3))
    for store in (first, second, third):
        assert store.results() == {}
    assert len(first.set_aside_damaged()) == 1
    assert second.set_aside_damaged() == []
    first.save(result(0))
    assert third.set_aside_damaged() == [] and third.results() == {path.stem: stored(result(0))}
    assert path.with_name(f"{path.name}.damaged").read_text() == "{"


def test_every_flipped_bit_and_every_cut_of_a_run_file_is_noticed(tmp_path):
    path = saved(Store(tmp_path), result(0))
    content = path.read_bytes()
    assert run_file.read(path) == stored(result(0))
    for place in range(0, len(content), 7):
        for changed in (content[:place], flipped(content, place)):
            path.write_bytes(changed)
            try:
                assert run_file.read(path) == stored(result(0))  # white space, or an e that became an E
            except ValueError as error:
                assert "is damaged" in str(error)


def test_deaths_are_counted_until_the_run_comes_further(tmp_path):
    store = Store(tmp_path)
    assert [store.died("a"), store.died("a"), store.died("b"), Store(tmp_path).died("a")] == [1, 2, 1, 3]
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial/a.pt").write_text("epoch 1")
    assert [store.died("a"), store.died("a")] == [1, 2]
    (tmp_path / "deaths/a.json").write_text("{")
    assert store.died("a") == 1


def test_a_finished_run_leaves_nothing_unfinished_behind(tmp_path):
    store, run_id = Store(tmp_path), result(0)["run_id"]
    (tmp_path / "partial").mkdir()
    for suffix in (".pt", ".epoch", ".points"):
        (tmp_path / f"partial/{run_id}{suffix}").write_text("1")
    store.died(run_id)
    assert store.partly_done() == {run_id}
    store.save(result(0))
    assert store.partly_done() == set()
    assert not list((tmp_path / "deaths").iterdir()) and not list((tmp_path / "partial").iterdir())


def test_a_run_file_that_another_launcher_replaces_is_read_again(tmp_path):
    first, second = Store(tmp_path), Store(tmp_path)
    first.save(result(0))
    assert second.result(result(0)["run_id"]) == stored(result(0))
    more = run_of(config(0, evaluations=("quantization",)), known=result(0))
    first.save(more)
    assert second.result(more["run_id"]) == second.results()[more["run_id"]] == stored(more)
    assert run_file.points(stored(more)) > run_file.points(stored(result(0))) == 6


def test_traces_older_than_the_run_file_are_leftovers_and_younger_ones_are_work(tmp_path):
    store, run_id = Store(tmp_path), result(0)["run_id"]
    path = saved(store, result(0))
    store.fail(config(0), FAILURE)
    store.died(run_id)
    (tmp_path / "partial").mkdir()
    (tmp_path / f"partial/{run_id}.points").write_text("{}")
    traces = [store.failure_file(run_id), tmp_path / f"deaths/{run_id}.json", tmp_path / f"partial/{run_id}.points"]
    then = path.stat().st_mtime_ns
    for trace in traces:
        os.utime(trace, ns=(then + 10**9,) * 2)
    store.remove_leftovers()
    assert all(trace.exists() for trace in traces) and store.failed() == [run_id] and store.tries(run_id) == 1
    assert store.partly_done() == {run_id} and "too small" in store.failure(run_id)
    for trace in traces:
        os.utime(trace, ns=(then - 10**9,) * 2)
    assert store.failed() == [] and store.failure(run_id) is None and store.partly_done() == set()
    store.remove_leftovers()
    assert not any(trace.exists() for trace in traces)


@pytest.mark.parametrize("form", [None, 1, 3])
def test_a_run_file_of_another_form_is_refused_in_one_sentence_and_left_as_it_is(tmp_path, form):
    path = tmp_path / "runs/mlp_small-clean-a0-seed0-3f9a2c1b.json"
    run_file.write(path, {"run_id": path.stem} | ({} if form is None else {"form": form}))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"runs holds runs in the form of another version") as refused:
        Store(tmp_path).results()
    assert "\n" not in str(refused.value) and "--output-dir" in str(refused.value)
    assert path.read_bytes() == before and [item.name for item in path.parent.iterdir()] == [path.name]


def test_half_written_files_of_dead_processes_are_deleted_and_those_of_living_ones_kept(tmp_path):
    (tmp_path / "runs").mkdir()
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead, living = (tmp_path / f"runs/.a.json.{MACHINE}-{pid}-0123abcd.tmp" for pid in (ended.pid, os.getpid()))
    elsewhere = tmp_path / f"runs/.a.json.89abcdef-{ended.pid}-0123abcd.tmp"
    for path in (dead, living, elsewhere):
        path.touch()
    Store(tmp_path).remove_leftovers()
    assert [path.exists() for path in (dead, living, elsewhere)] == [False, True, True]


def test_completeness_counts_what_is_there_and_what_the_latest_campaign_wants(tmp_path):
    store = Store(tmp_path)
    for seed in range(3):
        store.save(result(seed))
    store.fail(TrainConfig(seed=51), FAILURE)
    store.remember_campaign([result(0)["run_id"], TrainConfig(seed=50).run_id, TrainConfig(seed=51).run_id])
    assert completeness(tmp_path) == "3 of 5 runs, 1 failed, 1 pending"
    (tmp_path / "failures").joinpath(f"{TrainConfig(seed=51).run_id}.txt").unlink()
    store.remember_campaign([result(0)["run_id"]])
    assert completeness(tmp_path) == "3 of 3 runs"
    (tmp_path / "campaign.json").unlink()
    assert completeness(tmp_path) == "3 of 3 runs"


def test_where_a_file_stands_in_the_way_nothing_is_finished_and_writing_says_so(tmp_path):
    (tmp_path / "digits").write_text("not a folder")
    store = Store(tmp_path / "digits")
    assert store.results() == {} and store.result("any") is None and store.failure("any") is None
    with pytest.raises(CannotWrite, match="cannot write in"):
        store.died("any")
