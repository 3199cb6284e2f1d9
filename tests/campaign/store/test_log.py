import errno
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaign.store.log import Log
from nnet.files.atomic import CannotWrite


def test_a_line_says_when_what_which_run_and_more(tmp_path):
    Log(tmp_path / "digits").add("died", "mlp-clean-a0-seed0-12345678", "its worker died\nwith signal 9")
    (line,) = (tmp_path / "digits/campaign.log").read_text().splitlines()
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d died      mlp-clean-a0-seed0-12345678 its worker died with signal 9"
    assert re.fullmatch(pattern, line)


def test_lines_of_several_launchers_do_not_mix(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: Log(tmp_path).add("start", f"run-{number}", "x" * 500), range(200)))
    lines = (tmp_path / "campaign.log").read_text().splitlines()
    assert len(lines) == 200 and {line.split()[3] for line in lines} == {f"run-{number}" for number in range(200)}


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    def full(descriptor, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        Log(tmp_path).add("launch")
