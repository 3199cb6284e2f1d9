"""Unusual disks and folders that others write to: links, planted names, vanished folders, missing abilities."""

import errno
import fcntl
import os
import shutil
import stat
from pathlib import Path

import pytest

import campaign
from campaign.engines.workers import tasks
from campaign.running import folders
from campaign.store.claims import Claims
from campaign.store.log import Log
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.files import atomic, temporary
from nnet.files.atomic import CannotWrite
from tests.faults.sweep import made_up


@pytest.fixture
def stub(monkeypatch):
    """Runs are made up, in this process."""
    found = {"data_sha256": "", "machine": {}, "not_noised": [], "cost": None}
    monkeypatch.setattr(tasks, "train", made_up)
    monkeypatch.setattr(tasks, "pilot", lambda config: found)
    monkeypatch.setattr(tasks, "look", lambda config: found)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(atomic, "LACKING", {})
    monkeypatch.setattr(folders, "LACKING", atomic.LACKING)


def launched(folder: Path, runs: int = 2) -> int:
    configs = [TrainConfig(seed=seed, epochs=1, alpha_tests=(0,), noise_samples=1) for seed in range(runs)]
    return campaign.run(configs, str(folder), engine="serial")


def failing(monkeypatch, module, name: str, number: int, folders_only: bool = False) -> None:
    """The system does not know this call, on files or on folders alone."""
    real = getattr(module, name)

    def call(*arguments, **keywords):
        if folders_only and not stat.S_ISDIR(os.fstat(arguments[0]).st_mode):
            return real(*arguments, **keywords)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, name, call)


@pytest.fixture
def victim(tmp_path) -> Path:
    path = tmp_path / "victim"
    path.write_text("precious")
    return path


@pytest.mark.parametrize("name", ["claims/.lock", "campaign.log"])
def test_a_link_where_a_file_should_be_is_not_followed(tmp_path, victim, stub, capsys, name):
    link = tmp_path / "results/digits" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    assert launched(tmp_path / "results") == 1
    assert f"{link.name} is a link" in capsys.readouterr().err and victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["results_per_run.csv", "COLUMNS.md", "campaign.json"])
def test_a_link_in_the_place_of_a_table_is_replaced(tmp_path, victim, stub, name):
    link = tmp_path / "results/digits" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(victim)
    assert launched(tmp_path / "results") == 0
    assert not link.is_symlink() and victim.read_text() == "precious"


def test_a_link_in_the_place_of_the_lock_of_the_cache_is_refused(tmp_path, victim, npz, monkeypatch):
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    prepared.load(npz, 8, ".")
    (lock,) = (tmp_path / "cache").glob(".*.lock")
    shutil.rmtree(tmp_path / "cache" / lock.name[1:].removesuffix(".lock"))
    lock.unlink()
    lock.symlink_to(victim)
    with pytest.raises(ConfigError, match="cannot be cached"):
        prepared.load(npz, 8, ".")
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("name", ["runs", "claims", "partial"])
def test_a_folder_of_runs_that_is_a_link_is_refused_before_anything_is_deleted(tmp_path, stub, name):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/settings.json").write_text("{}")
    (tmp_path / "results/digits").mkdir(parents=True)
    (tmp_path / "results/digits" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=f"{name} is a link, which is not followed"):
        launched(tmp_path / "results")
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["settings.json"]


def test_a_folder_may_be_a_link_of_ones_own_and_of_nobody_else(tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "disk")
    atomic.write_file(tmp_path / "results/a", b"1")
    os.lchown(tmp_path / "results", 12345, -1) if os.geteuid() == 0 else monkeypatch.setattr(os, "geteuid", lambda: 12)
    with pytest.raises(CannotWrite, match="it is a link that belongs to another user"):
        atomic.write_file(tmp_path / "results/a", b"2")
    assert (tmp_path / "disk/a").read_bytes() == b"1"


def test_what_is_planted_at_a_temporary_name_is_neither_followed_nor_overwritten(tmp_path, victim, monkeypatch):
    assert temporary.temporary_name("a") != temporary.temporary_name("a")
    monkeypatch.setattr(temporary.secrets, "token_hex", lambda count: "00000000")
    planted = tmp_path / temporary.temporary_name("a")
    planted.symlink_to(victim)
    with pytest.raises(CannotWrite, match="File exists"):
        atomic.write_file(tmp_path / "a", b"new")
    assert victim.read_text() == "precious" and not (tmp_path / "a").exists()


def test_a_pipe_in_the_place_of_a_log_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "campaign.log")
    with pytest.raises(CannotWrite):
        Log(tmp_path).add("launch")


def test_a_half_written_file_is_deleted_and_an_answer_of_zero_bytes_is_a_full_disk(tmp_path, monkeypatch):
    written = iter([2, 0])
    monkeypatch.setattr(os, "write", lambda descriptor, content: next(written))
    with pytest.raises(CannotWrite, match="No space left"):
        atomic.write_file(tmp_path / "a", b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_disk_that_cannot_flush_folders_takes_results_and_says_so_once(tmp_path, stub, monkeypatch, capsys, number):
    failing(monkeypatch, os, "fsync", number, folders_only=True)
    assert launched(tmp_path / "results") == 0
    said = capsys.readouterr()
    assert said.out.count("cannot flush it") == 1 and os.strerror(number) in said.out and said.err == ""


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS])
def test_a_disk_without_locks_takes_results_and_data(tmp_path, stub, npz, monkeypatch, capsys, number):
    failing(monkeypatch, fcntl, "flock", number)
    monkeypatch.setenv("NNET_CACHE_DIR", str(tmp_path / "cache"))
    assert launched(tmp_path / "results") == 0 and len(prepared.load(npz, 8, ".").x_train) == 96
    assert capsys.readouterr().out.count("has no locks") == 1


def test_other_errors_of_a_disk_are_failures(tmp_path, stub, monkeypatch, capsys):
    failing(monkeypatch, os, "fsync", errno.EIO)
    assert launched(tmp_path / "results") == 1
    said = capsys.readouterr()
    assert "stopped: cannot write in" in said.err and "Input/output error" in said.err and "note" not in said.out


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_on_a_disk_without_hard_links_a_run_is_taken_once(tmp_path, monkeypatch, number):
    failing(monkeypatch, os, "link", number)
    first, second = Claims(tmp_path), Claims(tmp_path)
    assert first.take("a") and not second.take("a")
    assert atomic.create_file(tmp_path / "b", b"1") and not atomic.create_file(tmp_path / "b", b"2")


def test_a_claim_appears_whole(tmp_path, monkeypatch):
    seen = []
    real = os.link

    def linked(*names, **more):
        real(*names, **more)
        seen.append(Claims(tmp_path).claim("a"))

    monkeypatch.setattr(os, "link", linked)
    assert Claims(tmp_path).take("a") and seen[0]["pid"] == os.getpid()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "a.json"]


def test_a_lock_that_a_stopped_launcher_keeps_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr("campaign.store.claims.LOCK_WAIT_S", 0.1)
    with Claims(tmp_path).locked():
        assert Claims(tmp_path).take("a")


WAYS = {
    "deleted": shutil.rmtree,
    "renamed": lambda folder: folder.rename(folder.with_name("away")),
    "its parent renamed": lambda folder: folder.parent.rename(folder.parent.with_name("away")),
    "unmounted": lambda folder: [shutil.rmtree(folder), folder.mkdir()],
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("seed", [1, 2])  # in the middle, and at the last run
def test_a_results_folder_that_vanishes_stops_the_campaign_and_is_not_made_anew(
    tmp_path, stub, monkeypatch, capsys, way, seed
):
    results = tmp_path / "results/digits"

    def vanishing(config, known=None):
        if config.seed == seed:
            way(results)
        return made_up(config, known)

    monkeypatch.setattr(tasks, "train", vanishing)
    assert launched(tmp_path / "results", 3) == 1
    said = capsys.readouterr()
    assert f"stopped: cannot write in {results}" in said.err and "has vanished" in said.err
    assert "0 of 3 runs are finished" in said.err and "tables:" not in said.out
    assert not results.exists() or list(results.iterdir()) == []


def test_run_files_that_vanish_stop_the_campaign(tmp_path, stub, monkeypatch, capsys):
    def vanishing(config, known=None):
        if config.seed == 2:
            shutil.rmtree(tmp_path / "results/digits/runs")
        return made_up(config, known)

    assert launched(tmp_path / "results", 2) == 0
    monkeypatch.setattr(tasks, "train", vanishing)
    assert launched(tmp_path / "results", 3) == 1
    assert "2 of its run files have vanished" in capsys.readouterr().err
    monkeypatch.undo()


def test_a_folder_of_weights_that_vanishes_stops_the_campaign(tmp_path, stub, monkeypatch, capsys):
    def vanishing(config, known=None):
        (tmp_path / "weights/digits").mkdir(parents=True, exist_ok=True)
        if config.seed == 1:
            shutil.rmtree(tmp_path / "weights")
        return made_up(config, known)

    monkeypatch.setattr(tasks, "train", vanishing)
    folder = str(tmp_path / "weights")
    configs = [TrainConfig(seed=seed, alpha_tests=(0,), noise_samples=1, checkpoint_dir=folder) for seed in range(3)]
    assert campaign.run(configs, str(tmp_path / "results"), engine="serial") == 1
    assert "weights/digits: it has vanished" in capsys.readouterr().err
