"""The door for what goes to a person: printing in this process never waits for a reader and never fails.

`attach` puts a `Stream` in the place of stdout and of stderr, so that `print`, warnings and libraries use it too. A
thread of its own hands the text on, because only a thread can be left behind when nobody reads.
"""

import io
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from nnet.console import clean, complain, one_line, say

__all__ = [
    "attach", "attached", "clean", "clear_terminal", "complain", "duration", "is_terminal", "nobody_reads", "one_line",
    "say", "wait_until_read",
]  # fmt: skip
PATIENCE_S = 0.2
"""Seconds to wait for a reader; a slower one has stalled, and nobody waits for it until it reads again."""
MOST_WAITING = 10_000
"""The number of texts kept for a stalled reader; further ones are dropped."""
LAST_S = 1.0
"""Seconds without progress after which an ending command stops waiting for its reader."""
PIECE = 2**16


class Stream(io.TextIOBase):
    """Stands for stdout or stderr, whose encoding it has; `write` returns soon and raises nothing."""

    def __init__(self, under: TextIO):
        """`under`: the stream of this process, which nobody else may use."""
        self.under, self.number = under, under.fileno()
        self.waiting: queue.SimpleQueue[bytes | threading.Event | None] = queue.SimpleQueue()
        self.thread: threading.Thread | None = None
        self.stalled = self.gone = False
        self.lost, self.moved = 0, time.monotonic()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream for which this one stands."""
        return self.under.encoding

    def fileno(self) -> int:
        """The descriptor, for the width of the terminal."""
        return self.number

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return is_terminal(self.under)

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, text: str) -> int:
        """Hand the text to the reader. Waits for a moment, and not at all while the reader has stalled."""
        if self.waiting.qsize() >= MOST_WAITING:
            self.lost += 1
        elif not self.gone:
            if self.lost:
                text, self.lost = f"\n({self.lost} texts were dropped here because nobody read them)\n{text}", 0
            self.waiting.put(text.encode(self.encoding, "backslashreplace"))
            if not self.stalled:
                self.stalled = not self._handed_on(PATIENCE_S)
        return len(text)

    def waits(self) -> bool:
        """Whether some of the written text is still waiting for its reader."""
        return not self._handed_on(0.1)

    def close(self) -> None:
        """Let the thread end when it has handed on what was written; a later text starts another one."""
        self.waiting.put(None)

    def _handed_on(self, seconds: float) -> bool:
        """Whether everything that was written is handed on within `seconds`."""
        done = threading.Event()
        self.waiting.put(done)
        try:
            if self.thread is None or not self.thread.is_alive():  # a fork has only the thread that forked
                self.thread = threading.Thread(target=self._hand_on, daemon=True)
                self.thread.start()
        except RuntimeError:  # the limit of threads is reached
            self.thread = None
            while not self.waiting.empty():
                self._next()
        return done.wait(seconds)

    def _hand_on(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """Hand one text on; False at the end."""
        text = self.waiting.get()
        if isinstance(text, threading.Event):
            text.set()
        elif text is not None and not self.gone:
            self._write(memoryview(text))
        if self.waiting.empty():
            self.stalled = False
        return text is not None

    def _write(self, text: memoryview) -> None:
        """Write to the descriptor itself: a stream would keep its lock, for which the interpreter waits at its end."""
        while text:
            try:
                text = text[os.write(self.number, text[:PIECE]) :]
                self.moved = time.monotonic()
            except BlockingIOError:  # another process has made it so
                select.select([], [self.number], [])
            except BrokenPipeError:
                self.gone = True
                return
            except OSError:  # a full disk, a terminal that is closed
                return


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal; a closed one is none."""
    with suppress(OSError, ValueError):
        return stream is not None and stream.isatty()
    return False


def clear_terminal() -> None:
    """Let the next text begin at the top of an empty terminal, if stdout is one."""
    if is_terminal(sys.stdout):
        sys.stdout.write("\x1b[H\x1b[J")


def nobody_reads() -> bool:
    """Whether the reader of stdout has gone away."""
    return isinstance(sys.stdout, Stream) and sys.stdout.gone


def attach() -> dict[str, TextIO | None]:
    """Let stdout and stderr of this process be `Stream`s; those that were closed lead nowhere.

    Streams that something else has put in their place, like a notebook, stay. Returns what was replaced, by name.
    """
    _open_descriptors()
    before: dict[str, TextIO | None] = {}
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            before[name] = None
            setattr(sys, name, open(os.devnull, "w"))
        elif stream is getattr(sys, f"__{name}__"):
            with suppress(OSError, ValueError):
                stream.flush()
                setattr(sys, name, Stream(stream))
                before[name] = stream
    return before


@contextmanager
def attached() -> Iterator[None]:
    """Within the block the streams of this process are attached; after it, what could not be read is lost."""
    before = attach()
    try:
        yield
    finally:
        try:
            with suppress(KeyboardInterrupt):
                wait_until_read(LAST_S)
        finally:
            for name, old in before.items():
                getattr(sys, name).close()
                setattr(sys, name, old)


def wait_until_read(patience_s: float | None = None) -> None:
    """Wait for the readers, until they have taken no byte for `patience_s` seconds; None: for as long as it takes."""
    began = time.monotonic()
    for stream in (sys.stdout, sys.stderr):
        while isinstance(stream, Stream) and stream.waits():
            if patience_s is not None and time.monotonic() - max(began, stream.moved) > patience_s:
                break


def duration(seconds: float) -> str:
    """Seconds for people: "40 s", "12 min", "3.4 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _open_descriptors() -> None:
    """Open descriptors 0, 1 and 2 where they are closed: otherwise libraries would print into the next opened file."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
