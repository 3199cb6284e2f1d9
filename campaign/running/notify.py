"""`--notify`: a command of the user that is told how a campaign goes. Whatever it does, the campaign stays as it is."""

import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

from campaign.machine import signals
from campaign.machine.console import complain, say
from campaign.store.log import Log
from nnet.files.atomic import CannotWrite

LIMIT_S = 60
"""A command that takes longer is ended."""
TOO_LONG = 124
"""How `timeout` ends if it has ended a command."""
INTERRUPTED_S = 1.5
"""So long an interrupted launcher waits for its command, which goes on after it."""
SHOWN = 2000
"""Characters of what a command prints that are shown."""
LOOK_EVERY_S = 0.05


class Notify:
    """The command, in a shell: it reads what it is told from its standard input, and what it prints is shown.

    A command that fails, or cannot be started, is one line on stderr and in the logs.
    """

    def __init__(self, command: str | None, logs: Collection[Log]):
        self.command, self.logs = command, logs
        self.under_way: list[tuple[subprocess.Popen, IO[bytes]]] = []
        self.told = False

    def tell(self, text: str) -> None:
        """Start the command, which reads this text."""
        if self.command is None:
            return
        with signals.held():
            self._start(text)

    def _start(self, text: str) -> None:
        limited = ["timeout", "--kill-after=1", str(LIMIT_S), "/bin/sh", "-c", str(self.command)]
        try:
            with tempfile.TemporaryFile() as read, ExitStack() as opened:
                read.write(text.encode(errors="backslashreplace"))
                read.seek(0)
                printed = opened.enter_context(tempfile.TemporaryFile())
                command = subprocess.Popen(
                    limited, stdin=read, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
                )
                opened.pop_all()  # it is read when the command has ended
                self.under_way.append((command, printed))
        except OSError as error:
            self._failed(f"cannot be started: {error.strerror}")

    def tell_once(self, text: str) -> None:
        """The same at the first call only."""
        if not self.told:
            self.told = True
            self.tell(text)

    def tell_and_wait(self, text: str) -> None:
        """Tell the command, and wait until it has ended."""
        self.tell(text)
        self.wait()

    def wait(self, interrupted: bool = False) -> None:
        """Wait until what was started has ended, and show what it has printed; a signal ends the wait.

        `interrupted`: whether there was a signal before, so that there is no time.
        """
        finish = time.monotonic() + (INTERRUPTED_S if interrupted else LIMIT_S + 2)
        with signals.held():
            while time.monotonic() < finish and any(command.poll() is None for command, _ in self.under_way):
                if not interrupted and signals.asked():
                    break
                time.sleep(LOOK_EVERY_S)
            for command, printed in self.under_way:
                self._show(command.poll(), printed)
            self.under_way.clear()

    @contextmanager
    def told_of_errors(self) -> Iterator[None]:
        """Tell the command of an exception that leaves the block: an error in the program."""
        try:
            yield
        except Exception as error:
            self.tell_and_wait(f"stopped by an error in the program: {type(error).__name__}: {error}\n")
            raise

    def _show(self, code: int | None, printed: IO[bytes]) -> None:
        with printed:
            printed.seek(0)
            text = printed.read(SHOWN).decode(errors="replace").strip()
        if code == 0:
            if text:
                say(text)
        elif code is None:
            self._failed(f"was still under way when the launcher ended; it has {LIMIT_S} s in all")
        else:
            how = f"ended with exit code {code}" if code > 0 else f"was ended by signal {-code}"
            why = f"was ended after {LIMIT_S} s" if code == TOO_LONG else how
            self._failed(f"{why}: {' '.join(text.split())}" if text else why)

    def _failed(self, why: str) -> None:
        complain(f"note: the command of --notify {why}")
        for log in self.logs:
            try:
                log.add("notify", detail=f"the command {why}")
            except CannotWrite:
                continue  # whatever hinders it is told by those who need the disk
