"""What is printed never decides about a campaign: encodings, closed streams, readers that stall or leave, escapes."""

import fcntl
import io
import json
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack, closing, suppress

import pandas as pd
import pytest

import run_experiments
from campaign.analysis import tables
from campaign.machine import console
from campaign.store import run_file
from campaign.store.folder import Store
from campaign.store.log import Log
from nnet.config import TrainConfig
from tests.campaign.stub import run_of
from tests.conftest import small_run

F_SETPIPE_SZ = 1031
PIPE = 4096


class Pipe:
    """A small pipe, and stdout or stderr that leads into it."""

    def __init__(self, monkeypatch, name="stdout", encoding="utf-8"):
        self.end, self.begin = os.pipe()
        fcntl.fcntl(self.begin, F_SETPIPE_SZ, PIPE)
        self.stream = stream = open(self.begin, "w", encoding=encoding)
        for place in (name, f"__{name}__"):
            monkeypatch.setattr(sys, place, stream)

    def read(self) -> bytes:
        return os.read(self.end, 10**6)

    def close(self):
        os.close(self.end)  # whoever still writes is woken
        time.sleep(0.05)
        with suppress(OSError):
            self.stream.close()


@pytest.fixture
def piped(monkeypatch):
    """Leads stdout into a small pipe, during the test: pytest sets it anew when the test begins."""
    with ExitStack() as made:
        yield lambda: made.enter_context(closing(Pipe(monkeypatch)))


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", rb"\u03b1 \xd7 0.1"),
        ("latin-1", b"\\u03b1 \xd7 0.1"),
        ("cp1252", b"\\u03b1 \xd7 0.1"),
        ("koi8-r", b"\\u03b1 \\xd7 0.1"),
        ("utf-8", "α × 0.1".encode()),
    ],
)
@pytest.mark.parametrize("attached", [True, False])
def test_what_an_encoding_lacks_is_written_out(monkeypatch, encoding, printed, attached):
    with closing(Pipe(monkeypatch, encoding=encoding)) as pipe:
        if attached:
            with console.attached():
                console.say("α × 0.1")
                print("α × 0.1")
        else:
            console.say("α × 0.1")
        assert pipe.read() == (printed + b"\n") * (1 + attached)


class Broken(io.StringIO):
    def write(self, text):
        raise OSError(28, "No space left on device")


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [None, closed(), Broken()], ids=["none", "closed", "full"])
def test_a_launch_goes_on_without_stdout_and_stderr(launched, tmp_path, monkeypatch, stream):
    with monkeypatch.context() as patch:
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, stream)
        assert launched() == 0
        assert launched("--status") == 0
        assert launched("--arch", "nothing") == 2
    assert len(list((tmp_path / "results/digits/runs").iterdir())) == 1


def test_nobody_waits_for_a_reader_that_stalls_and_order_and_content_stay(piped):
    pipe = piped()
    lines = [f"line {number} " + "x" * 500 for number in range(100)]
    began = time.monotonic()
    with console.attached():
        for line in lines:
            console.say(line)
        assert time.monotonic() - began < 2 * console.PATIENCE_S
        found = b""
        while found.count(b"\n") < len(lines):
            found += pipe.read()
        console.say("after")
        assert pipe.read() == b"after\n"
    assert found.decode().splitlines() == lines


def test_a_reader_that_never_reads_costs_a_command_no_more_than_a_moment(piped):
    piped()
    began = time.monotonic()
    with console.attached():
        for _ in range(console.MOST_WAITING + 500):
            console.say("x" * 100)
    assert time.monotonic() - began < console.LAST_S + 3


def test_a_command_that_prints_waits_for_a_slow_reader(piped):
    pipe = piped()
    found = []

    def read_slowly():
        time.sleep(console.LAST_S + 0.5)
        while b"nnet/config.py describes them" not in b" ".join(b"".join(found).split()):
            found.append(pipe.read())

    reader = threading.Thread(target=read_slowly, daemon=True)
    reader.start()
    assert run_experiments.main(["--help"]) == 0
    reader.join(5)
    text = b"".join(found)
    assert len(text) > PIPE and text.startswith(b"usage:")


def test_ctrl_c_ends_a_command_whose_reader_stalls(piped):
    piped()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    assert run_experiments.main(["--help"]) == 130
    assert time.monotonic() - began < 4


def test_a_reader_that_leaves_costs_nothing(piped, launched, tmp_path):
    pipe = piped()
    os.close(pipe.end)
    assert launched() == 0
    assert len(list((tmp_path / "results/digits/runs").iterdir())) == 1
    pipe.end = os.open(os.devnull, os.O_RDONLY)


def test_without_a_further_thread_lines_are_still_printed(piped, monkeypatch):
    pipe = piped()

    def refused(*_, **__):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with console.attached():
        console.say("here")
    assert pipe.read() == b"here\n"


ESCAPES = {
    "\x1b]0;title\x07": "\\x1b]0;title\\x07",
    "\x1b[2Jgone": "\\x1b[2Jgone",
    "over\rwritten": "over\\rwritten",
    "\x9b31mred": "\\x9b31mred",
    "\u202egnp.exe": "\\u202egnp.exe",
    "back\x08\x7f": "back\\x08\\x7f",
    "tab\tand\nline": "tab\tand\nline",
}


@pytest.mark.parametrize("text", ESCAPES)
def test_control_characters_are_written_out(capsys, text):
    console.say(text)
    console.complain(text)
    assert capsys.readouterr() == (f"{ESCAPES[text]}\n",) * 2


def test_nothing_from_outside_reaches_a_terminal_raw(npz, tmp_path, capsys):
    """The host in a claim, the reason in a failure file and the log of a campaign."""
    config = small_run(npz)
    results = tmp_path / "results/blobs"
    for name in ("claims", "failures", "runs"):
        (results / name).mkdir(parents=True)
    claim = {"host": "there\x1b[31m\nok: all done", "pid": 7, "started": "x", "since": time.time()}
    (results / f"claims/{config.run_id}.json").write_text(json.dumps(claim))
    other = small_run(npz, seed=1)
    (results / f"failures/{other.run_id}.txt").write_text("run\ntried 1 time(s)\nOSError: \x1b]0;x\x07\n")
    words = ["--arch", "mlp_small", "--dataset", npz, "--image-size", "8", "--epochs", "2", "--batch-size", "16"]
    words += ["--alpha-tests", "0", "--noise-samples", "2", "--regime", "clean", "--seed", "0", "1", "--status"]
    assert run_experiments.main([*words, "--output-dir", str(tmp_path / "results")]) == 0
    printed = capsys.readouterr().out
    assert "\\x1b[31m" in printed and "\\x1b]0;x" in printed
    assert "\x1b" not in printed and "\nok: all done" not in printed
    Log(tmp_path).add("failed", "run", "ValueError: \x1b[2J\udcff\nfurther")
    assert (tmp_path / "campaign.log").read_text().endswith("ValueError: \\x1b[2J\\udcff further\n")


def test_cells_and_columns_are_no_formulas(tmp_path):
    """A column that an evaluation of the user adds, and a cell of it."""
    store = Store(tmp_path)
    run = run_of(TrainConfig(arch="mlp_small", alpha_tests=(0, 0.1)))
    for point in run["measurements"][0]["points"]:
        point |= {"=cmd|'/C calc'!A0": "@SUM(1)", "+1": "\t=2", "plain": "-"}
    (tmp_path / "runs").mkdir()
    run_file.write(tmp_path / f"runs/{run['run_id']}.json", {n: v for n, v in run.items() if n != "sweep"})
    tables.write(store)
    for path in tmp_path.glob("*.csv"):
        table = pd.read_csv(path, dtype=str)
        for text in [*table, *table.fillna("").to_numpy().ravel()]:
            assert not text.startswith(("=", "+", "@", "\t", "\r"))
