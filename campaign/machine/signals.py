"""Ctrl-C, SIGTERM and a closed terminal: the first signal asks a campaign to stop, the second ends it at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 130

_state = {"asked": False, "held": False}


@contextmanager
def handled() -> Iterator[None]:
    """Within the block the first signal raises KeyboardInterrupt, or waits if it is `held`; the second exits.

    A signal that is ignored when the block begins (nohup) stays ignored. Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _state.update(asked=False, held=False)
    for number in SIGNALS:
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Within the block the first signal only makes `raise_if_asked` raise, so that nothing is left half-done."""
    yield from _during(held=True)


@contextmanager
def allowed() -> Iterator[None]:
    """Within the block, inside a `held` one, the first signal raises KeyboardInterrupt at once."""
    yield from _during(held=False)


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
        os._exit(EXIT_CODE)  # every file is written whole or not at all, and workers end with this process
    _state["asked"] = True
    if not _state["held"]:
        raise KeyboardInterrupt
