"""`--status` says how far a campaign is and writes nothing."""

import json
import os
import time

import pytest

import run_experiments
from campaign.commands import status
from campaign.engines.base import Failure
from campaign.grid.settings import Launch
from campaign.planning.survey import prepare
from campaign.running import beginning, runner
from campaign.running.folders import Folders
from campaign.store.folder import Store
from nnet.config import TrainConfig
from tests.campaign.running.launches import SMALL


@pytest.fixture
def configs(npz):
    return [
        TrainConfig(dataset=npz, image_size=8, seed=seed, epochs=2, batch_size=16, alpha_tests=(0,))
        for seed in range(6)
    ]


def snapshot(folder) -> dict:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_done_running_failed_and_pending_are_told_apart_and_nothing_is_written(configs, tmp_path):
    runner.run(prepare(configs[:2], Launch(tmp_path, "serial")))
    store = Store(tmp_path / "blobs")
    store.fail(configs[2], Failure("ArithmeticError", "it fails", "traceback"))
    store.claims.take(configs[3].run_id)
    (tmp_path / "blobs/partial").mkdir()
    (tmp_path / f"blobs/partial/{configs[3].run_id}.epoch").write_text("1")
    elsewhere = store.folder / f"claims/{configs[4].run_id}.json"
    elsewhere.write_text(json.dumps({"host": "node7", "pid": 12, "started": "x", "since": time.time() - 30}))
    before = snapshot(tmp_path)
    found = status.read(configs, tmp_path)
    assert snapshot(tmp_path) == before
    assert (found["runs"], found["finished"], found["pending"]) == (6, 2, 1)
    assert [run["run_id"] for run in found["failed"]] == [configs[2].run_id]
    assert [(run["run_id"], run["host"], run["epoch"]) for run in found["running"]] == [
        (configs[4].run_id, "node7", None), (configs[3].run_id, store.claims.me["host"], 1),
    ]  # fmt: skip
    assert found["left_s"] > 0
    text = status.as_text(found)
    assert "6 runs: 2 finished, 2 running, 1 failed, 1 pending" in text
    assert "node7, process 12" in text and "none yet of 2" in text and "1 of 2" in text
    assert "ArithmeticError: it fails" in text and "with 2 at a time" in text


def test_a_run_whose_launcher_is_dead_is_pending(configs, tmp_path):
    claims = tmp_path / "blobs/claims"
    claims.mkdir(parents=True)
    for config, age_s in zip(configs, (10, 1000), strict=False):
        path = claims / f"{config.run_id}.json"
        path.write_text(json.dumps({"host": "node7", "pid": 12, "started": "x"}))
        os.utime(path, (time.time() - age_s,) * 2)
    found = status.read(configs, tmp_path)
    assert [run["run_id"] for run in found["running"]] == [configs[0].run_id] and found["pending"] == 5
    assert "time left: unknown, no launch has estimated it" in status.as_text(found)


@pytest.mark.parametrize("since", ["yesterday", 1e300, -1, True, None])
def test_a_claim_whose_time_nobody_can_read_is_one_all_the_same(configs, tmp_path, since):
    claims = tmp_path / "blobs/claims"
    claims.mkdir(parents=True)
    (claims / f"{configs[1].run_id}.json").mkdir()
    owner = {"host": "node7", "pid": 12, "started": "x", "since": since}
    (claims / f"{configs[0].run_id}.json").write_text(json.dumps(owner))
    found = status.read(configs, tmp_path)
    assert [run["run_id"] for run in found["running"]] == [configs[0].run_id] and found["pending"] == 5
    assert "node7, process 12" in status.as_text(found)


def test_the_command_line_prints_it_before_anything_is_there(npz, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = [*SMALL.split(), "--dataset", npz, "--status"]
    assert run_experiments.main(words) == 0
    assert capsys.readouterr().out.startswith("8 runs: 0 finished, 0 running, 0 failed, 8 pending")
    assert run_experiments.main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pending"] == 8
    assert not list(tmp_path.iterdir())


def beat(store: Store, run_id: str, **said) -> None:
    (store.folder / "partial").mkdir(exist_ok=True)
    (store.folder / f"partial/{run_id}.beat").write_text(json.dumps(said))


def test_it_counts_epochs_and_points_of_runs_under_way_and_has_a_time_left_at_once(configs, tmp_path):
    campaign = prepare(configs, Launch(tmp_path, "serial"))
    (store,) = campaign.stores.values()
    beginning.begin(campaign, runner._Launch(campaign).logs, Folders(campaign))
    store.claims.take(configs[0].run_id)
    found = status.read(configs, tmp_path)
    assert found["left_s"] > 0 and (found["epochs"], found["all_epochs"]) == (0, 12)
    beat(store, configs[0].run_id, epochs=2, points=0, new=2, seconds=1000.0)
    found = status.read(configs, tmp_path)
    assert (found["epochs"], found["points"], found["all_points"]) == (2, 0, 6)
    assert found["left_s"] > 5 * 1000  # the others at the pace of this one
    text = status.as_text(found)
    assert "2/12 epochs, 0/6 points" in text and "point 0/1" in text
    beat(store, configs[0].run_id, epochs=1, points=0, new=1, seconds=1.0)
    assert "epoch 1/2" in status.as_text(status.read(configs, tmp_path))


def test_watch_prints_what_has_changed_until_all_is_done(configs, tmp_path, monkeypatch, capsys):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            runner.run(prepare(configs, Launch(tmp_path, "serial")))
            capsys.readouterr()

    monkeypatch.setattr(status.time, "sleep", wait)
    before = snapshot(tmp_path)
    assert status.watch(configs, tmp_path) == 0
    assert before == {} and waits[:2] == [status.EVERY_S] * 2 and status.EVERY_S < 60
    assert "6 runs: 6 finished, 0 running, 0 failed, 0 pending\n12/12 epochs, 6/6 points" in capsys.readouterr().out


def test_watch_ends_well_at_ctrl_c_and_goes_with_status_alone(npz, tmp_path, monkeypatch, capsys):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", interrupt)
    monkeypatch.chdir(tmp_path)
    words = [*SMALL.split(), "--dataset", npz]
    assert run_experiments.main([*words, "--status", "--watch"]) == 0
    assert capsys.readouterr().out.count("8 runs: 0 finished") == 1 and not list(tmp_path.iterdir())
    for wrong in (["--watch"], ["--status", "--watch", "--json"], ["--plan", "--watch"]):
        assert run_experiments.main([*words, *wrong]) == 2
        assert capsys.readouterr().err.startswith("error: --watch ")
