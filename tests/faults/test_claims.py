"""Claims that cannot be judged by a look: other machines of one name, hidden processes, odd times, late launchers."""

import errno
import json
import os
import time

import pytest

import campaign
from campaign.engines.workers import tasks
from campaign.store import run_file
from campaign.store.claims import Claims
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.files import host
from tests.faults.sweep import made_up


def aged(path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@pytest.mark.parametrize("changed", [{"boot": "another"}, {"boot": None}, {"host": f"{host.HOST}:4026532000"}])
def test_a_machine_or_container_of_the_same_name_is_judged_by_the_age_of_its_claim(tmp_path, changed):
    other = Claims(tmp_path)
    other.me |= {"pid": 2**22 - 1, "started": "then"} | changed
    assert other.take("a") and not Claims(tmp_path).take("a")
    aged(tmp_path / "a.json", 1000)
    assert Claims(tmp_path).take("a")


def test_a_process_that_this_user_may_not_see_is_judged_by_the_age_of_its_claim(tmp_path, monkeypatch):
    def forbidden(pid, number):
        raise PermissionError

    other = Claims(tmp_path)
    other.me |= {"pid": os.getppid(), "started": "then"}
    assert other.take("a")
    monkeypatch.setattr(os, "kill", forbidden)
    monkeypatch.setattr(host, "status_of", lambda pid: None)  # as with hidepid=2
    assert not Claims(tmp_path).take("a")
    aged(tmp_path / "a.json", 1000)
    assert Claims(tmp_path).take("a")


@pytest.mark.parametrize("number", ["EMFILE", "EIO", "ESTALE"])
def test_a_claim_that_cannot_be_read_now_is_not_taken_over(tmp_path, monkeypatch, number):
    assert Claims(tmp_path).take("a")
    before, real = (tmp_path / "a.json").read_bytes(), os.open

    def failing(name, flags, *more, **keywords):
        if str(name).endswith("a.json"):
            raise OSError(getattr(errno, number), number)
        return real(name, flags, *more, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        with pytest.raises(OSError, match="cannot write in"):
            Claims(tmp_path).take("a")
    assert (tmp_path / "a.json").read_bytes() == before


def test_a_claim_that_could_not_be_read_for_a_moment_is_not_taken_for_anothers(tmp_path, monkeypatch):
    claims = Claims(tmp_path)
    assert claims.take("a")
    looks, real = iter([PermissionError(errno.EACCES, "not now")]), os.fstat

    def forbidden(descriptor):
        for error in looks:
            raise error
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", forbidden)
    assert claims.keeps("a") and not Claims(tmp_path).take("a")


NO_CLAIMS = ("", "{", "[]", "null", '{"host": 1}', '{"pid": 1e999, "host": "a", "started": ""}')


@pytest.mark.parametrize("content", NO_CLAIMS)
@pytest.mark.parametrize("age", [60, -60, -(10**8)])
def test_what_is_no_claim_is_respected_for_seconds_only(tmp_path, content, age):
    (tmp_path / "a.json").write_text(content)
    assert Claims(tmp_path).holder("a") == "a launcher that is starting"
    aged(tmp_path / "a.json", age)
    assert Claims(tmp_path).take("a")


@pytest.mark.parametrize("ahead", [3600, 10**8])
def test_a_claim_that_is_dated_ahead_is_respected_for_minutes_only(tmp_path, ahead):
    other = Claims(tmp_path)
    other.me["host"] = "another-machine"
    assert other.take("a")
    aged(tmp_path / "a.json", -60)  # a clock that is a little fast
    assert not Claims(tmp_path).take("a")
    aged(tmp_path / "a.json", -ahead)
    assert Claims(tmp_path).take("a")


def test_a_link_in_the_place_of_a_claim_is_replaced(tmp_path):
    (tmp_path / "claims").mkdir()
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "claims/a.json").symlink_to(tmp_path / "victim")
    os.utime(tmp_path / "claims/a.json", (time.time() - 60,) * 2, follow_symlinks=False)
    assert Claims(tmp_path / "claims").take("a")
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("done", [False, True], ids=["at work", "done, with more points"])
def test_a_launcher_that_was_stopped_past_its_claim_leaves_the_run_to_the_new_owner(
    tmp_path, monkeypatch, capsys, done
):
    """While the run is under way, another launcher takes it over; what that one writes stays."""
    config = TrainConfig(epochs=1, alpha_tests=(0,), noise_samples=1)
    folder = tmp_path / "digits"
    theirs = made_up(TrainConfig(epochs=1, alpha_tests=(0, 0.5), noise_samples=3))
    calls = []

    def taken_over(config, known=None):
        calls.append(known)
        if len(calls) == 1:
            (folder / f"claims/{config.run_id}.json").unlink()
            other = Claims(folder / "claims")
            other.me["host"] = "another-machine"
            assert other.take(config.run_id)
            monkeypatch.setattr("campaign.running.schedule.LOOK_AGAIN_S", 0)
            if done:
                run_file.write(folder / f"runs/{config.run_id}.json", points.stored(theirs))
                other.release(config.run_id)
            else:
                aged(folder / f"claims/{config.run_id}.json", 890)  # and that one is killed
                monkeypatch.setattr("campaign.store.claims.STALE_S", 891)
        return made_up(config, known)

    found = {"data_sha256": "", "machine": {}, "not_noised": [], "cost": None}
    monkeypatch.setattr(tasks, "train", taken_over)
    for name in ("pilot", "look"):
        monkeypatch.setattr(tasks, name, lambda config: found)
    assert campaign.run([config], str(tmp_path), engine="serial") == 0
    assert f" taken     {config.run_id} " in (folder / "campaign.log").read_text()
    kept = json.loads((folder / f"runs/{config.run_id}.json").read_text())
    assert len(calls) == (1 if done else 2)
    assert run_file.points(kept) == (4 if done else 1)
    assert not list((folder / "claims").glob("*.json"))
