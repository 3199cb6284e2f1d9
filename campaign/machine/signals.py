"""Ctrl-C, SIGTERM and a closed terminal: the first signal asks a campaign to stop, the second ends it at once.

A process that was asked ends by itself, or is ended after `LIMIT_S` seconds, whatever it waits for.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 130
LIMIT_S = 4.0

_state: dict[str, Any] = {"asked": False, "held": False, "alarm": None}


@contextmanager
def handled() -> Iterator[None]:
    """Within the block the first signal raises KeyboardInterrupt, or waits if it is `held`; the second exits.

    A signal that is ignored when the block begins (nohup) stays ignored. Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _state.update(asked=False, held=False, alarm=None)
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if _state["alarm"] is not None:
            _reset_alarm(*_state["alarm"])
        _state.update(asked=False, held=False, alarm=None)  # the next campaign of this process is not interrupted


@contextmanager
def held() -> Iterator[None]:
    """Within the block the first signal only makes `raise_if_asked` raise, so that nothing is left half-done."""
    yield from _during(held=True)


@contextmanager
def allowed() -> Iterator[None]:
    """Within the block, inside a `held` one, the first signal raises KeyboardInterrupt at once."""
    yield from _during(held=False)


def asked() -> bool:
    """Whether a signal has come."""
    return _state["asked"]


def raise_if_asked() -> None:
    """Raise KeyboardInterrupt if a signal has come."""
    if _state["asked"]:
        raise KeyboardInterrupt


def _during(held: bool) -> Iterator[None]:
    before, _state["held"] = _state["held"], held
    try:
        if not held:
            raise_if_asked()
        yield
    finally:
        _state["held"] = before


def _on_signal(number: int, frame: object) -> None:
    if _state["asked"]:
        _exit()
    _state["asked"] = True
    _state["alarm"] = _set_alarm(_exit, LIMIT_S)
    if not _state["held"]:
        raise KeyboardInterrupt


def _exit(*_: object) -> None:
    os._exit(EXIT_CODE)  # every file is written whole or not at all, and workers end with this process


def _set_alarm(handler: Any, seconds: float) -> tuple[Any, float]:
    """Call `handler` after this many seconds; returns the former handler, and when it is due, 0 if never."""
    before = signal.signal(signal.SIGALRM, handler)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    return before, time.monotonic() + left if left else 0.0


def _reset_alarm(handler: Any, due: float) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, handler)
    if due:
        signal.setitimer(signal.ITIMER_REAL, max(0.001, due - time.monotonic()))
