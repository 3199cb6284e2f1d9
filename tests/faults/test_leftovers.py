"""What killed processes leave behind, and folders that a power cut must not lose."""

import os
import subprocess
import sys
import time

from campaign.store.folder import Store
from nnet.files import temporary
from tests.conftest import ROOT


def dead_pid() -> int:
    with subprocess.Popen(["true"]) as ended:
        return ended.pid


def test_what_killed_processes_left_is_deleted_and_what_may_be_written_now_is_not(tmp_path):
    dead, here = dead_pid(), temporary.MACHINE
    gone = [f".a.json.{here}-{dead}-0123abcd.tmp", f".b.{here}-{dead}-0123abcd.tmp"]
    stay = [
        f".a.json.{here}-{os.getpid()}-0123abcd.tmp",
        f".a.json.89abcdef-{dead}-0123abcd.tmp",
        ".a.tmp",
        "b.tmp",
        f".a.{dead}.tmp",
    ]
    old = f".a.json.89abcdef-{dead}-4567abcd.tmp"  # of this machine before it started again, or of another one
    for name in (gone[0], *stay, old):
        (tmp_path / name).touch()
    (tmp_path / gone[1] / "within").mkdir(parents=True)
    os.utime(tmp_path / old, (time.time() - 7200,) * 2)
    temporary.remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stay)
    temporary.remove_leftovers(tmp_path / "nowhere")


def test_the_temporary_folder_of_a_killed_process_is_deleted_by_the_next_one(tmp_path, monkeypatch):
    script = (
        "import os, sys; from pathlib import Path; from nnet.files.temporary import temporary_folder\n"
        "with temporary_folder(Path(sys.argv[1])) as folder: os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    (left,) = tmp_path.iterdir()
    with temporary.temporary_folder(tmp_path) as folder:
        assert not left.exists() and folder.stat().st_mode & 0o777 == 0o700
    assert list(tmp_path.iterdir()) == []


def test_a_new_folder_is_flushed_with_its_parents(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.readlink(f"/proc/self/fd/{descriptor}")))
    Store(tmp_path / "results/digits").remember_campaign([])
    assert flushed[:2] == [str(tmp_path), str(tmp_path / "results")]
    assert flushed[-1] == str(tmp_path / "results/digits") and "campaign.json" in flushed[-2]
