"""Tables that are up to date are not written again."""

import functools
import hashlib
import sys
from contextlib import suppress
from pathlib import Path

from campaign.analysis import questions, tables
from campaign.analysis import report as reports
from campaign.analysis.remembered import Excerpts
from campaign.store.folder import Store
from campaign.store.index import MANY, cache_file
from nnet import registry
from nnet.files import checked_json, outside
from nnet.files.atomic import CannotWrite
from nnet.files.version import version_of
from nnet.record.provenance import ROOT, code_sha256

KEPT = "tables"
"""The folder of the cache that remembers what the tables were made from."""


def report(store: Store, known: Excerpts | None = None) -> str:
    """The report on the tables of a store, which are written unless they are there and nothing has changed.

    `known`: the excerpts of the store as far as they are in memory. Raises CannotWrite.
    """
    made_of, place = _sources(store), cache_file(store.folder, KEPT)
    body = _kept(place, store.folder, made_of)
    if body is None:
        found = (known or excerpts_of(store)).all()
        asked = tables.reference_of(store.folder), tables.resolution_of(store.folder)
        made = tables.made(found, store.result, *asked)
        names, body = tables.save(store.folder, made, found), reports.body(store.folder, made)
        if len(made["results_per_run"]) > MANY and questions.complete():
            kept = {"made_of": made_of, "files": _versions(store.folder, names), "report": body}
            with suppress(CannotWrite):
                checked_json.save(place, kept)
    return f"{reports.heading(store.folder)}{body}"


def excerpts_of(store: Store) -> Excerpts:
    """The excerpts of the runs in a store; none is read yet."""
    return Excerpts(store, _program())


def _sources(store: Store) -> str:
    """A digest of all that tables follow from: run files, what the launch says of differences, and the program."""
    runs = sorted((run_id, outline["content_sha256"]) for run_id, outline in store.outlines().items())
    asked = [dict(tables.reference_of(store.folder)), tables.resolution_of(store.folder)]
    return checked_json.digest_of([str(store.folder), runs, asked, _program()])


@functools.cache
def _program() -> str:
    """A digest of everything that makes tables, as it was when this process imported it."""
    import pandas

    digest = hashlib.sha256(repr((sys.version, pandas.__version__, code_sha256())).encode())
    users = registry.users_folder()  # `code_sha256` does not cover their questions and studies
    for folder in (ROOT / "campaign", ROOT / "studies", *([users] if users else [])):
        for path in sorted(folder.rglob("*.py")):
            digest.update(repr((str(path), path.read_bytes())).encode())
    return digest.hexdigest()


def _versions(folder: Path, names: list[str]) -> dict[str, list[int]]:
    """When the files were written; those that are not there are left out."""
    versions = {}
    for name in names:
        with suppress(OSError):
            versions[name] = [*version_of((folder / name).stat())]
    return versions


def _kept(place: Path, folder: Path, made_of: str) -> str | None:
    """The report on the tables, if they are there as they were made, of the same sources."""
    try:
        kept = checked_json.load(place, {"made_of": str, "files": {str: [int]}, "report": str})
    except (OSError, outside.Unreadable):
        return None
    same = kept["made_of"] == made_of and kept["files"] == _versions(folder, [*kept["files"]])
    return kept["report"] if same else None
