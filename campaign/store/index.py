"""Outlines of run files, remembered in the cache folder, so that only files that have changed are read."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from campaign.store import run_file
from campaign.store.claims import MISSING
from nnet.files import checked_json, outside
from nnet.files.atomic import CannotWrite
from nnet.files.cache import cache_root
from nnet.files.version import Version, is_settled, version_of

FORM = 1
"""The form of the remembered file; one of another form is made again."""
MANY = 100
"""So many files are read in no time: nothing is remembered of fewer."""

Outline = dict[str, Any]
"""A run file without what only tables need: the entries of `_shape`, with those of one run.

These are: `run_id`; `seconds`, as `run_file.seconds` counts them; `content_sha256`, of the whole run; `config_sha256`,
of its configuration; and `shape`, a text that is equal for runs of equal shape.
"""


class Index:
    """The outlines of the run files in one folder.

    A remembered outline counts while size, times and inode of its file are as they were when the file was read. The
    cache may be deleted at any time. Files that cannot be read are listed in `damaged`, with the reason.
    """

    def __init__(self, runs: Path):
        self.runs = runs
        self.damaged: dict[Path, str] = {}
        self._shapes: dict[str, dict] = {}
        self._read: dict[str, tuple[Version, bool, Outline]] | None = None
        self._seen: dict[str, Outline] = {}
        self._seen_version: Version | None = None
        self._unsaved = 0

    def all(self) -> dict[str, Outline]:
        """All outlines by run_id; the same object while nothing was added, replaced or removed.

        From a disk that is gone, what was read before. Raises OtherForm for a run file of another version of this
        program, and OSError from a failing disk.
        """
        often = MANY if self._read is None else max(MANY, len(self._read) // 10)
        if self._read is None:
            self._read = self._remembered()
        now = self._folder_version()
        if now is None or now != self._seen_version:
            try:
                versions = list(self._versions())
            except MISSING:
                self._read = self._read if self._seen else {}
                return self._seen
            found = {run_id: self._current(run_id, version) for run_id, version in versions}
            self._seen = {run_id: outline for run_id, outline in found.items() if outline is not None}
            self._read = {run_id: self._read[run_id] for run_id in self._seen}
            self._seen_version = now
            if self._unsaved > often:
                self._remember()
        return self._seen

    def one(self, run_id: str) -> Outline | None:
        """The outline of one run as its file is now, or None; from a disk that is gone, what was read before."""
        if self._read is None:
            self.all()
        try:
            version = version_of(os.stat(self.path(run_id)))
        except OSError as error:
            known = (self._read or {}).get(run_id)
            if known is None and not isinstance(error, MISSING):
                raise
            return None if known is None else known[2]
        return self._current(run_id, version)

    def add(self, run: dict, checksum: str) -> None:
        """Note a run whose file was written just now, so that it need not be read."""
        if self._read is not None:
            version = version_of(os.stat(self.path(run["run_id"])))
            self._read[run["run_id"]] = version, True, self._outline(run, checksum)
            self._unsaved += 1

    def content(self, run_id: str) -> dict | None:
        """The run in a file, or None without one. A damaged file is listed in `damaged`. Raises OtherForm, OSError."""
        path = self.path(run_id)
        try:
            run = run_file.read(path)
        except MISSING:
            return None
        except outside.Unreadable as error:
            self.damaged[path] = str(error)
            return None
        self.damaged.pop(path, None)
        return run

    def path(self, run_id: str) -> Path:
        """The file of a run."""
        return self.runs / f"{run_id}.json"

    def _versions(self) -> Iterator[tuple[str, Version]]:
        with os.scandir(self.runs) as files:
            for file in files:
                if file.name.endswith(".json") and not file.name.startswith("."):
                    with suppress(FileNotFoundError):
                        yield file.name[:-5], version_of(file.stat())

    def _folder_version(self) -> Version | None:
        """What changes when a file is added, replaced or removed; None while that cannot be told."""
        with suppress(OSError):
            version = version_of(os.stat(self.runs))
            return version if is_settled(version) else None
        return None

    def _current(self, run_id: str, version: Version) -> Outline | None:
        assert self._read is not None
        known = self._read.get(run_id)
        if known is not None and known[0] == version and (known[1] or not is_settled(version)):
            return known[2]
        run = self.content(run_id)
        if run is None:
            self._read.pop(run_id, None)
            return None
        self._read[run_id] = version, is_settled(version), self._outline(run, checked_json.checksum_of(run))
        self._unsaved += 1
        return self._read[run_id][2]

    def _outline(self, run: dict, checksum: str) -> Outline:
        seconds, sums = run_file.seconds(run), (checksum, checked_json.digest_of(run["config"]))
        return self._made(run["run_id"], seconds, *sums, json.dumps(_shape(run), sort_keys=True))

    def _made(self, run_id: str, seconds: float, content: str, config: str, shape: str) -> Outline:
        """An outline; runs of equal shape share the parts of it."""
        if shape not in self._shapes:
            self._shapes[shape] = json.loads(shape) | {"shape": shape}
        own = {"run_id": run_id, "seconds": seconds, "content_sha256": content, "config_sha256": config}
        return self._shapes[shape] | own

    def _remembered(self) -> dict[str, tuple[Version, bool, Outline]]:
        place = cache_file(self.runs, "index")
        try:
            kept = checked_json.load(place, {"form": {FORM}, "shapes": [str], "runs": {str: str}})
            with outside.parsing(f"{place} is damaged: not an index"):
                return {run_id: self._from_text(run_id, text, kept["shapes"]) for run_id, text in kept["runs"].items()}
        except (OSError, outside.Unreadable):
            return {}

    def _from_text(self, run_id: str, text: str, shapes: list[str]) -> tuple[Version, bool, Outline]:
        mtime, size, inode, ctime, shape, seconds, content, config = text.split()
        outline = self._made(run_id, float(seconds), content, config, shapes[int(shape)])
        return (int(mtime), int(size), int(inode), int(ctime)), True, outline

    def _remember(self) -> None:
        assert self._read is not None
        numbers = {shape: number for number, shape in enumerate(self._shapes)}
        runs = {}
        for run_id, (version, settled, outline) in self._read.items():
            if settled:
                own = (outline["seconds"], outline["content_sha256"], outline["config_sha256"])
                runs[run_id] = " ".join(map(str, (*version, numbers[outline["shape"]], *own)))
        with suppress(CannotWrite):
            checked_json.save(cache_file(self.runs, "index"), {"form": FORM, "shapes": [*self._shapes], "runs": runs})
        self._unsaved = 0


def cache_file(folder: Path, name: str) -> Path:
    """The file in the cache folder that remembers something about a folder."""
    return cache_root() / name / f"{hashlib.sha256(os.path.realpath(folder).encode()).hexdigest()}.json"


def _shape(run: dict) -> dict:
    """What many runs have in common, under the keys of a run file."""
    recorded = all("smoothed_acc" in row for row in run["history"])
    return {
        "status": run["status"],
        "asked": run["asked"],
        "history": [] if recorded else [{}],
        "provenance": run["provenance"],
        "sha256": {"data": run["sha256"].get("data")},
        "config": {name: run["config"].get(name) for name in ("image_size", "dataset_sha256")},
        "measurements": [*map(_shape_of_measurement, run["measurements"])],
    }


def _shape_of_measurement(measurement: dict) -> dict:
    own_code = [{"own_code": about["own_code"]} for about in measurement["provenance"] if "own_code" in about]
    return (
        {name: measurement[name] for name in ("evaluation", "version", "settings")}
        | {"points": [{"strength": point["strength"], "draw": point["draw"]} for point in measurement["points"]]}
        | ({"provenance": own_code} if own_code else {})
    )
