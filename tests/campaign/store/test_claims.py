import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaign.store.claims import Claims
from nnet.files.atomic import CannotWrite
from tests.conftest import ROOT


def test_a_run_is_taken_once(tmp_path):
    first, second = Claims(tmp_path), Claims(tmp_path)
    assert first.take("a") and first.take("a") and not second.take("a")
    assert second.take("b")
    assert first.holder("b") == f"process {os.getpid()} on {first.me['host']}"
    first.release("a")
    assert second.take("a")


def test_a_launcher_gives_up_its_own_claims_only(tmp_path):
    first, second = Claims(tmp_path), Claims(tmp_path)
    first.take("a")
    second.take("b")
    second.release("a")
    first.release_all()
    assert [path.name for path in tmp_path.glob("*.json")] == ["b.json"]


def test_of_many_that_find_a_dead_claim_one_takes_it(tmp_path):
    ended = subprocess.Popen(["true"])
    ended.wait()
    for number in range(20):
        owner = Claims(tmp_path).me | {"pid": ended.pid}
        (tmp_path / f"{number}.json").write_text(json.dumps(owner))
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda _, number=number: Claims(tmp_path).take(str(number)), range(8)))
        assert sum(taken) == 1


def test_the_claims_of_a_launcher_that_was_killed_are_taken_over(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from campaign.store.claims import Claims; "
        "print(Claims(Path(sys.argv[1])).take('a'), flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    other = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "True\n"
    assert not Claims(tmp_path).take("a")
    other.kill()
    other.communicate()
    assert Claims(tmp_path).take("a")


def test_dead_claims_are_removed_and_living_ones_are_not(tmp_path):
    Claims(tmp_path / "none").remove_dead()
    living = Claims(tmp_path)
    living.take("a")
    (tmp_path / "b.json").write_text(json.dumps(living.me | {"started": "long ago"}))
    Claims(tmp_path).remove_dead()
    assert [path.name for path in tmp_path.glob("*.json")] == ["a.json"]


def test_another_machine_is_alive_as_long_as_it_renews_its_claims(tmp_path, monkeypatch):
    monkeypatch.setattr("campaign.store.claims.REFRESH_S", 0)
    elsewhere = Claims(tmp_path)
    elsewhere.me["host"] = "another-machine"
    elsewhere.take("a")
    assert not Claims(tmp_path).take("a")
    os.utime(tmp_path / "a.json", (time.time() - 10_000,) * 2)
    elsewhere.refresh()
    assert not Claims(tmp_path).take("a")
    os.utime(tmp_path / "a.json", (time.time() - 10_000,) * 2)
    assert Claims(tmp_path).take("a")


def test_a_folder_that_takes_no_files_is_said(tmp_path):
    (tmp_path / "claims").write_text("a file")
    with pytest.raises(CannotWrite, match="cannot write in .*claims"):
        Claims(tmp_path / "claims").take("a")


def test_a_launcher_that_was_stopped_until_its_claim_was_taken_over_leaves_it_to_the_new_owner(tmp_path, monkeypatch):
    monkeypatch.setattr("campaign.store.claims.REFRESH_S", 0)
    stopped = Claims(tmp_path)
    stopped.me["host"] = "another-machine"
    stopped.take("a")
    old = time.time() - 10_000
    os.utime(tmp_path / "a.json", (old,) * 2)
    assert Claims(tmp_path).take("a")
    os.utime(tmp_path / "a.json", (old,) * 2)
    stopped.refresh()
    assert (tmp_path / "a.json").stat().st_mtime == pytest.approx(old)
    stopped.release_all()
    assert Claims(tmp_path).holder("a") is not None


def test_the_age_of_a_claim_is_told_by_the_clock_of_the_disk(tmp_path, monkeypatch):
    elsewhere = Claims(tmp_path)
    elsewhere.me["host"] = "another-machine"
    elsewhere.take("a")
    true_time = time.time
    monkeypatch.setattr("campaign.store.claims.time.time", lambda: true_time() + 5000)  # this machine's clock is wrong
    assert not Claims(tmp_path).take("a")


def test_where_the_disk_knows_no_locks_one_of_two_takes_a_run(tmp_path, monkeypatch):
    first, second = Claims(tmp_path), Claims(tmp_path)
    first.take("a")
    monkeypatch.setattr(second, "holder", lambda run_id: None)  # it looked just before
    monkeypatch.setattr("campaign.store.claims.Path.unlink", lambda path, missing_ok: None)
    assert not second.take("a")
