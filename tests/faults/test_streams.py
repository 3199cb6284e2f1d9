"""Whole campaigns whose streams are closed, stall, or have another encoding."""

import fcntl
import os
import signal
import subprocess
import time

import pytest

from tests.faults.launching import Place, assert_same
from tests.faults.test_console import F_SETPIPE_SZ, PIPE


@pytest.mark.long
@pytest.mark.parametrize("closed", [(2,), (1, 2), (0, 1, 2)], ids=str)
def test_closed_descriptors_are_nothing_to_a_campaign(place: Place, undisturbed, closed):
    def close():
        for number in closed:
            os.close(number)

    process = subprocess.Popen(place.command(), cwd=place.folder, preexec_fn=close, start_new_session=True)
    assert process.wait(100) == 0
    assert_same(place.results, undisturbed(4))


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_the_encoding_of_stdout_is_nothing_to_a_campaign(place: Place, undisturbed, encoding):
    code, _, complaint = place.launch(PYTHONIOENCODING=f"{encoding}:strict")
    assert (code, complaint.strip()) in ((0, ""), (0, "\ufeff"))
    assert_same(place.results, undisturbed(4))


@pytest.mark.long
def test_a_stalled_reader_stops_neither_a_campaign_nor_ctrl_c(place: Place, undisturbed):
    reading, writing = os.pipe()
    fcntl.fcntl(writing, F_SETPIPE_SZ, PIPE)
    os.write(writing, b"x" * PIPE)
    launch = {"cwd": place.folder, "stdout": writing, "stderr": writing, "start_new_session": True}
    with subprocess.Popen(place.command(), **launch) as process:
        assert process.wait(100) == 0
    assert_same(place.results, undisturbed(4))
    with subprocess.Popen(place.command("--epochs", "400", seeds=8), **launch) as process:
        while not place.started():
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        assert process.wait(20) == 130
        assert time.monotonic() - began < 5
    os.close(reading)
    os.close(writing)
