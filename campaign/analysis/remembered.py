"""Excerpts of run files, remembered in the cache folder, so that only runs that have changed are read."""

import json
import sys
from array import array
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from campaign.analysis import excerpts
from campaign.store.folder import Store
from campaign.store.index import MANY, cache_file
from nnet.evaluations.parts import points
from nnet.files import checked_json, outside
from nnet.files.atomic import CannotWrite

KEPT = "excerpts"
"""The folder of the cache; `PART` runs lie in a file."""
PART = 20_000


class Excerpts:
    """The excerpts of the runs in a store.

    An excerpt counts while the run file has the same content. The cache may be deleted at any time. `program`: a digest
    of all that excerpts follow from beside the run files.
    """

    def __init__(self, store: Store, program: str):
        self.store, self.program = store, program
        self._shapes: dict[str, excerpts.Shape] = {}
        self._known: dict[str, tuple[str, excerpts.Excerpt]] | None = None
        self._unsaved = 0

    def add(self, result: dict, checksum: str) -> None:
        """Note what `Store.save` wrote, with the check sum that it returned, so that the file need not be read."""
        self._load()[result["run_id"]] = checksum, self._made(*excerpts.parts(points.stored(result)))
        self._unsaved += 1

    def all(self) -> list[excerpts.Excerpt]:
        """Those of all sound run files, in no particular order; only what has changed is read."""
        often = MANY if self._known is None else max(MANY, len(self._known) // 10)
        known, now = self._load(), {}
        for run_id, outline in self.store.outlines().items():
            content = outline["content_sha256"]
            if run_id in known and known[run_id][0] == content:
                now[run_id] = content, known[run_id][1]
            elif (run := self.store.result(run_id)) is not None:
                now[run_id] = content, self._made(*excerpts.parts(run))
                self._unsaved += 1
        self._known = now
        if self._unsaved > often:
            self._remember()
        return [excerpt for _, excerpt in now.values()]

    def _load(self) -> dict[str, tuple[str, excerpts.Excerpt]]:
        if self._known is None:
            self._known = dict(self._remembered())
        return self._known

    def _made(self, shape: str, cells: Iterable, numbers: bytes, history: list[dict]) -> excerpts.Excerpt:
        if shape not in self._shapes:
            self._shapes[shape] = excerpts.shape_from(shape)
        shared = tuple(sys.intern(cell) if isinstance(cell, str) else cell for cell in cells)
        return excerpts.Excerpt(self._shapes[shape], shared, numbers, history)

    def _remembered(self) -> Iterator[tuple[str, tuple[str, excerpts.Excerpt]]]:
        part = 0
        while (place := self._place(part)).exists():
            part += 1
            with suppress(OSError, outside.Unreadable):
                kept = checked_json.load(place, {"program": {self.program}, "shapes": [str], "runs": {str: str}})
                with outside.parsing(f"{place} is damaged: it holds no excerpts"):
                    found = [(run_id, self._from_text(text, kept["shapes"])) for run_id, text in kept["runs"].items()]
                yield from found

    def _from_text(self, text: str, shapes: list[str]) -> tuple[str, excerpts.Excerpt]:
        content, number, cells, numbers, history = json.loads(text)
        excerpt = self._made(shapes[number], cells, bytes.fromhex(numbers), history)
        shape = excerpt.shape
        sizes = len(excerpt.cells), len(excerpt.numbers)
        if sizes != (len(shape.names), len(shape.points) * len(shape.numbers) * array("d").itemsize):
            raise ValueError("an excerpt has another size")
        return content, excerpt

    def _remember(self) -> None:
        assert self._known is not None
        texts, numbers = [*self._shapes], {id(shape): number for number, shape in enumerate(self._shapes.values())}
        every = list(self._known.items())
        for part in range(0, len(every), PART):
            runs = {
                run_id: json.dumps([content, numbers[id(one.shape)], one.cells, one.numbers.hex(), one.history])
                for run_id, (content, one) in every[part : part + PART]
            }
            about = {"program": self.program, "shapes": texts, "runs": runs}
            with suppress(CannotWrite):
                checked_json.save(self._place(part // PART), about)
        self._unsaved = 0

    def _place(self, part: int) -> Path:
        return cache_file(self.store.folder, f"{KEPT}/{part}")
