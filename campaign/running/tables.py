"""When tables and pages are written: now and then while runs are under way, and at the end."""

import time

from campaign.analysis import current
from campaign.machine import signals
from campaign.running.folders import Folders
from campaign.running.pages import Pages
from campaign.store.folder import Store

EVERY_S = 30
SHARE = 0.02
"""The most of its time that a launcher spends on tables while runs are under way."""
MOST_AT_STOP = 200
"""The tables of more runs would take seconds: a launch that is stopped leaves them to the next one."""


class Tables:
    """The tables of a campaign's stores, and the pages that show them."""

    def __init__(self, folders: Folders):
        """`folders`: those that the campaign writes to, where dead workers may have left half-written files."""
        self.folders, self.pages = folders, Pages(folders)
        self._excerpts = {store.folder: current.excerpts_of(store) for store in folders.stores}
        self.due = False
        """Whether a run has ended since they were written."""
        self._written, self._took_s = time.monotonic(), 0.0

    def add(self, store: Store, result: dict, checksum: str) -> None:
        """Note a run that was saved just now, with the check sum of its file."""
        self._excerpts[store.folder].add(result, checksum)

    def write(self) -> list[str]:
        """Bring all tables up to date and return the reports on them; delete what dead workers left half-written.

        The first signal raises KeyboardInterrupt at once: every file is written whole or not at all.
        """
        with signals.allowed():
            return self._write()

    def finish(self) -> list[str]:
        """The same at the end of a launch, with the pages; returns a line on each after the reports."""
        return self.write() + self.pages.write()

    def look_around(self) -> None:
        """Write the tables if that is due, and not too soon; the same with the pages."""
        if self.due and time.monotonic() - self._written > max(EVERY_S, self._took_s / SHARE):
            self.write()
        self.pages.look_around()

    def write_if_small(self) -> None:
        """Write the tables of a launch that is stopped, if that takes no time; its pages come after it."""
        self.pages.close()
        if sum(len(store.outlines()) for store in self.folders.stores) <= MOST_AT_STOP:
            self._write()

    def _write(self) -> list[str]:
        begun = time.monotonic()
        self.folders.check_there()
        self.folders.remove_leftovers()
        reports = [current.report(store, self._excerpts[store.folder]) for store in self.folders.stores]
        self._written, self.due = time.monotonic(), False
        self._took_s = self._written - begun
        return reports
