import os
import signal
import subprocess
import sys

import pytest

from campaign.machine import signals
from tests.conftest import ROOT


@pytest.mark.parametrize("number", signals.SIGNALS, ids=lambda number: number.name)
def test_a_signal_is_an_interruption_and_what_was_before_is_restored(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), signals.handled():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_a_held_signal_waits_until_it_is_asked_for():
    with signals.handled(), signals.held():
        signals.raise_if_asked()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signals.raise_if_asked()


def test_work_that_allows_it_is_interrupted_at_once_and_what_came_before_is_not_forgotten():
    with signals.handled(), signals.held():
        with pytest.raises(KeyboardInterrupt), signals.allowed():
            os.kill(os.getpid(), signal.SIGTERM)
    with signals.handled(), signals.held():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt), signals.allowed():
            pytest.fail("it began")


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.handled():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_second_signal_ends_the_process():
    script = (
        "import os, signal; from campaign.machine import signals\n"
        "with signals.handled(), signals.held():\n"
        "    os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGINT)\n"
        "    print('still there')"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def ended_by(script: str) -> tuple[int, str, str]:
    """Exit code and output of a program in which the limit after the first signal is short."""
    head = "import os, signal, time; from campaign.machine import signals\nsignals.LIMIT_S = 0.3\n"
    done = subprocess.run([sys.executable, "-c", head + script], cwd=ROOT, capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


def test_a_process_that_does_not_end_by_itself_after_a_signal_is_ended():
    assert ended_by("with signals.handled(), signals.held():\n os.kill(os.getpid(), 2); time.sleep(60)")[0] == 130
    deaf = (
        "with signals.handled():\n"
        " while True:\n"
        "  try: os.kill(os.getpid(), 15); time.sleep(60)\n"
        "  except BaseException: signal.signal(15, signal.SIG_IGN)"
    )
    assert ended_by(deaf) == (130, "", "")


def test_a_process_that_ends_in_time_goes_on_after_the_block():
    script = (
        "try:\n"
        " with signals.handled(): os.kill(os.getpid(), 2)\n"
        "except KeyboardInterrupt: time.sleep(0.5); print('after')"
    )
    assert ended_by(script) == (0, "after\n", "")
