"""report.html of a campaign's folders: written now and then while runs are under way, and at the end.

Another process draws it, because a launcher must look after its workers and has no other use for matplotlib.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

from campaign.machine import signals
from campaign.machine.console import complain
from campaign.running.folders import Folders
from nnet.record.provenance import ROOT

FIRST_S, EVERY_S = 60.0, 300.0
"""Seconds from the launch to the first page, and from one page to the next."""
SHARE = 0.05
"""The most of its time that one core spends on pages while runs are under way."""
PROGRAM, FILE = "campaign.analysis.pages.report", "report.html"
NONE = "NNET_NO_REPORT"
"""Environment variable: where it is set, launches write no page."""


class Pages:
    """The pages of the folders that a campaign writes to."""

    def __init__(self, folders: Folders):
        self.folders = [] if os.environ.get(NONE) else [store.folder for store in folders.stores]
        self._drawing: subprocess.Popen | None = None
        self._left: subprocess.Popen | None = None  # goes on when this launcher has ended
        self._begun, self._due = 0.0, time.monotonic() + FIRST_S

    def look_around(self) -> None:
        """Begin to write the pages if that is due; returns at once."""
        now = time.monotonic()
        if self._drawing is not None and self._drawing.poll() is not None:
            self._drawing = None
            self._due = self._begun + max(EVERY_S, (now - self._begun) / SHARE)
        if self.folders and self._drawing is None and now > self._due:
            self._begun, self._drawing = now, self._start(subprocess.DEVNULL)

    def write(self) -> list[str]:
        """Write the pages that are not current; returns a line on each. If that fails, it is said on stderr.

        The first signal raises KeyboardInterrupt at once: every page is written whole or not at all.
        """
        self.close()
        if not all(map(_is_current, self.folders)):
            with signals.allowed():
                self._drawing = self._start(subprocess.PIPE)
                _, errors = self._drawing.communicate()
            if self._drawing.returncode != 0:
                complain(f"warning: {FILE} was not written:\n{errors.decode(errors='replace').strip()}")
                return []
        return [f"report: {folder / FILE}" for folder in self.folders]

    def write_later(self) -> None:
        """Begin to write all pages, and leave that to a process that goes on after this one: there is no time."""
        self.close()
        if self.folders:
            with signals.held():
                self._left = self._start(subprocess.DEVNULL, start_new_session=True)

    def close(self) -> None:
        """End the process that draws, if there is one."""
        if self._drawing is not None:
            self._drawing.kill()
            self._drawing.communicate()
            self._drawing = None

    def _start(self, errors: int, start_new_session: bool = False) -> subprocess.Popen:
        """The process that writes all pages, with its `errors` there; in a session of its own no Ctrl-C reaches it."""
        where = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        return subprocess.Popen(
            [sys.executable, "-m", PROGRAM, *map(str, self.folders)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=errors, env=os.environ | {"PYTHONPATH": where},
            start_new_session=start_new_session,
        )  # fmt: skip


def _is_current(folder: Path) -> bool:
    """Whether no run of a folder has ended since its page was written."""
    try:
        traces = [folder / name for name in ("runs", "failures") if (folder / name).is_dir()]
        return all(path.stat().st_mtime_ns < (folder / FILE).stat().st_mtime_ns for path in traces)
    except OSError:
        return False
