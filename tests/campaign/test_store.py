import json

import pytest

from campaign.engines.base import Failure
from campaign.store import Store, completeness
from nnet.config import TrainConfig
from tests.campaign.test_tables import result

FAILURE = Failure("ValueError", "too small", "Traceback (most recent call last): …\n")


def test_a_saved_run_is_found_by_another_store(tmp_path):
    path = Store(tmp_path).save(result(3))
    assert path == tmp_path / "runs" / f"{result(3)['run_id']}.json"
    assert Store(tmp_path).results() == {result(3)["run_id"]: result(3)}
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
    store.fail(TrainConfig(alpha_tests=(0, 0.1)), FAILURE)
    store.save(result(0))
    assert store.failed() == []


def test_nothing_that_is_not_json_is_written(tmp_path):
    with pytest.raises(ValueError):
        Store(tmp_path).save(result(0) | {"test_loss": float("nan")})
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"run_id": "another"})])
def test_a_damaged_run_file_is_named(tmp_path, content):
    path = Store(tmp_path).save(result(0))
    path.write_text(content)
    with pytest.raises(ValueError, match=f"{path.name} is damaged.*delete it"):
        Store(tmp_path).results()


def test_completeness_counts_what_is_there_and_what_the_latest_campaign_wants(tmp_path):
    store = Store(tmp_path)
    for seed in range(3):
        store.save(result(seed))
    store.fail(TrainConfig(seed=51), FAILURE)
    store.plan([result(0)["run_id"], TrainConfig(seed=50).run_id, TrainConfig(seed=51).run_id])
    assert completeness(tmp_path) == "3 of 5 runs, 1 failed, 1 pending"
    (tmp_path / "failures").joinpath(f"{TrainConfig(seed=51).run_id}.txt").unlink()
    store.plan([result(0)["run_id"]])
    assert completeness(tmp_path) == "3 of 3 runs"
    (tmp_path / "campaign.json").unlink()
    assert completeness(tmp_path) == "3 of 3 runs"
