"""How a Dask scheduler is reached or started."""

import functools
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster

from campaign.engines.cluster import private
from campaign.engines.cluster.pool import Pool
from campaign.engines.workers import environment
from campaign.machine.console import complain
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.files import outside

CONNECT_S = 30
LOOPBACK = "127.0.0.1"
ADDRESS = re.compile(r"(?P<scheme>tcp|tls)://.+:\d+")
Tend = Callable[[Pool], None]


@contextmanager
def connected(scheduler: str) -> Iterator[tuple[Client, Tend]]:
    """A client of a running scheduler, given by its address or its scheduler file.

    Dask handles TLS: give a tls:// address and name the files in Dask's configuration. Raises ConfigError for
    a wrong address, and ConnectionError if no scheduler answers.
    """
    address = _address(scheduler)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False, name="campaign")
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ConnectionError(f"no Dask scheduler answers at {scheduler}: {reason}") from error
    assert client.scheduler is not None, "the client is connected"
    _warn_of_plain_text(client.scheduler.address)
    with quiet(), client:
        yield client, _nothing_to_tend


def _address(scheduler: str) -> str:
    """The address itself, or the one in a scheduler file."""
    address = scheduler
    try:
        if "://" not in scheduler:
            address = outside.json_value(scheduler, {"address": str})["address"]
        match = ADDRESS.fullmatch(address)
    except (OSError, ValueError, TypeError):
        match = None
    if match is None:
        raise ConfigError(f"scheduler is an address like tcp://host:8786 or a scheduler file; got {scheduler!r}")
    for name in ("ca-file", "client.cert") if match["scheme"] == "tls" else ():
        file = dask.config.get(f"distributed.comm.tls.{name}", None)
        if file is None or not os.path.isfile(file):
            raise ConfigError(
                f"{address} needs TLS certificates, but Dask's configuration names no file that is there as "
                f"distributed.comm.tls.{name}; got {file!r}"
            )
    return address


@contextmanager
def local(config: TrainConfig, workers: int) -> Iterator[tuple[Client, Tend]]:
    """A client of a temporary scheduler with `workers` single-threaded workers, on loopback, closed to other users."""
    limits = environment.thread_limits(config.threads)
    with private.folder(Path(tempfile.gettempdir())) as folder, environment.changed(limits), quiet(), dask.config.set(
        settings(folder)
    ), LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:0", scheduler_kwargs={"dashboard": False},
        memory_limit=0, env=limits, silence_logs=logging.CRITICAL,
        protocol=private.PROTOCOL, security=private.security(),
    ) as cluster, Client(cluster, set_as_default=False) as client:  # fmt: skip
        yield client, _nothing_to_tend


def _nothing_to_tend(pool: Pool) -> None:
    """For workers that somebody else looks after."""


def settings(folder: Path) -> dict:
    """Dask's configuration for the schedulers and workers that this program starts, with their files in `folder`.

    Dask would end workers that exceed an equal part of the job's memory, and counts shared libraries in each of them.
    Here only the cluster limits the memory of a job.
    """
    return {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    } | private.settings(folder)


@functools.cache
def _warn_of_plain_text(address: str) -> None:
    """Say once that a scheduler is open to everybody who can reach it. The other users of its machine always can."""
    if not address.startswith("tls://"):
        complain(
            f"warning: the scheduler at {address} has no TLS: anyone who can connect to it, like every user of its "
            'machine, can run programs as you; see "Security" in docs/cluster.md'
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Dask's messages on dying workers and lost connections: the campaign reports them."""
    loggers = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    before = {name: logging.getLogger(name).level for name in loggers}
    for name in loggers:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
