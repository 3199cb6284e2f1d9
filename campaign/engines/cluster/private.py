"""What closes the schedulers and workers that this program starts to the other users of their machines.

All of them speak TLS with keys that are made for the campaign, and serve no web pages. Keys and scratch files lie in a
folder of mode 700: Dask's own scratch folder in /tmp may belong to anybody, and its processes import modules from it.
"""

import copy
import os
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Security

from nnet.files import host
from nnet.files.atomic import writing
from nnet.files.temporary import MACHINE

PROTOCOL = "tls://"
ROLES = ("client", "scheduler", "worker")
FOLDER = re.compile(r"\.campaign-(?P<machine>\w+)-(?P<pid>\d+)-\w+")


@contextmanager
def folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` that only this user can enter, deleted at the end.

    Folders that killed launchers of this machine left there are deleted too. Raises CannotWrite.
    """
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for path in filter(_is_left_over, parent.glob(".campaign-*")):
            shutil.rmtree(path, ignore_errors=True)
        made = tempfile.mkdtemp(prefix=f".campaign-{MACHINE}-{os.getpid()}-", dir=parent.absolute())
    try:
        yield Path(made)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _is_left_over(path: Path) -> bool:
    name = FOLDER.fullmatch(path.name)
    return name is not None and name["machine"] == MACHINE and host.runs(int(name["pid"])) is False


def security() -> Any:
    """A `Security` with the keys that Dask's configuration names if it asks for TLS, else with new ones in memory."""
    names = ("tls.ca-file", *(f"tls.{role}.cert" for role in ROLES))
    named = all(dask.config.get(f"distributed.comm.{name}", None) for name in names)
    wanted = dask.config.get("distributed.comm.default-scheme") == "tls"
    return Security(require_encryption=True) if wanted and named else Security.temporary()


def in_files(keys: Any, place: Path) -> Any:
    """The same keys in files in `place`, for processes that are started by others."""
    if "\n" not in keys.tls_ca_file:
        return keys
    files = {"cert": place / "cert.pem", "key": place / "key.pem"}
    files["cert"].write_text(keys.tls_worker_cert)
    files["key"].write_text(keys.tls_worker_key)
    of_roles = {f"tls_{role}_{name}": str(file) for role in ROLES for name, file in files.items()}
    return Security(require_encryption=True, tls_ca_file=str(files["cert"]), **of_roles)


def settings(place: Path) -> dict:
    """Dask's configuration: no page is served, and scratch files lie in `place`.

    They are not locked there, which a shared file system may not be able to do.
    """
    return {
        "temporary-directory": str(place),
        "distributed.worker.use-file-locking": False,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }


def job(kind: Any) -> Any:
    """The same class of jobs, with a script that nobody else can replace before it is submitted."""

    class Private(kind):
        def __init__(self, *arguments, security, **keywords):
            quoted = copy.copy(security)  # dask-jobqueue writes these words into the script as they are
            for name in ("tls_ca_file", "tls_worker_cert", "tls_worker_key"):
                if (path := getattr(security, name)) is not None:
                    setattr(quoted, name, shlex.quote(path))
            super().__init__(*arguments, security=quoted, **keywords)

        @contextmanager
        def job_file(self):
            with tempfile.TemporaryDirectory() as place:
                script = Path(place) / "job.sh"
                script.write_text(self.job_script())
                yield str(script)

    return Private
