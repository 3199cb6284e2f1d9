"""The loop of every engine that works through Dask, and how a scheduler is reached or started."""

import json
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster, Security

from campaign.engines import base
from campaign.engines.cluster.pool import Pool
from campaign.engines.workers import environment
from nnet.config import TrainConfig

CONNECT_S = 30
WELCOME_S = 3.0
"""So long the first worker is waited for before the caller may look around."""
LOOPBACK = "127.0.0.1"
ADDRESS = re.compile(r"(?P<scheme>tcp|tls)://.+:\d+")
NEAR = (LOOPBACK, "localhost", "::1")
END = object()
Tend = Callable[[Pool], None]
Opening = Callable[[TrainConfig, int], AbstractContextManager[tuple[Client, Tend]]]


def runs(
    configs: Iterable[TrainConfig | None],
    work: Callable[[TrainConfig], dict],
    workers: int,
    timeout_s: float | None,
    open_client: Opening,
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """Yield (config, outcome) as runs finish, at most `workers` at a time, as an engine does.

    `open_client(config, workers)` gives a client for the time of the campaign, when the first run is there, and what
    is to be done with the pool from time to time.
    """
    base.check([], workers)
    source = iter(configs)
    config = next(source, END)
    while config is None:
        time.sleep(base.TICK_S)
        yield None
        config = next(source, END)
    if config is END:
        return
    base.check([config], workers)
    with open_client(config, workers) as (client, tend):
        pool = Pool(client, work, timeout_s, config)
        try:
            deadline = time.monotonic() + WELCOME_S
            while not pool.free and time.monotonic() < deadline:
                pool.ended(base.TICK_S)
            yield from _until_done(pool, config, source, workers, tend)
        finally:
            pool.close()


def _until_done(
    pool: Pool, config: TrainConfig | None | object, source: Iterator, workers: int, tend: Tend
) -> Iterator[tuple[TrainConfig, dict | base.Failure] | None]:
    """`config`: the next run, None where there is none at the moment, or END."""
    while pool.busy or config is not END:
        while pool.free and config is not END and len(pool.busy) < workers:
            if config is None:
                config = next(source, END)
                if config is None:
                    break
                continue
            base.check([config], workers)
            pool.start(config)
            config = None
        yield from pool.ended(base.TICK_S)
        tend(pool)
        yield None


@contextmanager
def connected(scheduler: str) -> Iterator[tuple[Client, Tend]]:
    """A client of a running scheduler: its address, or the file that it has written.

    TLS is Dask's own affair: a tls:// address with the files that its configuration names. Raises ValueError for what
    is no address, and ConnectionError where nobody answers.
    """
    address = _address(scheduler)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False, name="campaign")
    except (OSError, ValueError, TypeError) as error:
        told = " ".join(str(error).split())
        raise ConnectionError(f"no Dask scheduler answers at {scheduler}: {told}") from error
    _warn_of_plain_text(client.scheduler.address)
    with quiet(), client:
        yield client, _nothing_to_tend


def _address(scheduler: str) -> str:
    """The address that is given, or that stands in the scheduler file that is given."""
    address = scheduler
    try:
        if "://" not in scheduler:
            address = json.loads(Path(scheduler).read_text())["address"]
        known = ADDRESS.fullmatch(address)
    except (OSError, ValueError, TypeError, KeyError):
        known = None
    if known is None:
        raise ValueError(f"scheduler is an address like tcp://host:8786 or a scheduler file; got {scheduler!r}")
    if known["scheme"] == "tls" and dask.config.get("distributed.comm.tls.ca-file", None) is None:
        raise ValueError(f"{address} needs the certificates that Dask's settings name, which name none here")
    return address


@contextmanager
def local(config: TrainConfig, workers: int) -> Iterator[tuple[Client, Tend]]:
    """A client of a scheduler of this process's own, with so many single-threaded workers, on loopback."""
    limits = environment.thread_limits(config.cpu_threads)
    with environment.changed(limits), quiet(), dask.config.set(settings()), LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, host=LOOPBACK,
        dashboard_address=f"{LOOPBACK}:0", scheduler_kwargs={"dashboard": False},
        memory_limit=0, env=limits, silence_logs=logging.CRITICAL, **transport(),
    ) as cluster, Client(cluster, set_as_default=False) as client:  # fmt: skip
        yield client, _nothing_to_tend


def _nothing_to_tend(pool: Pool) -> None:
    """Workers that somebody else looks after."""


def settings() -> dict:
    """What schedulers and workers that this program starts are told.

    Dask gives every worker an equal part of a job's memory and would end those that take more, the libraries that all
    of them share counted in each; here the cluster alone watches over the memory of a job.
    """
    return {
        "distributed.scheduler.allowed-failures": 1,
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": False,
    }


def transport() -> dict:
    """Whether a scheduler that this program starts speaks TLS: it does where Dask's configuration says so."""
    scheme = dask.config.get("distributed.comm.default-scheme")
    return {"protocol": f"{scheme}://"} | ({"security": Security()} if scheme == "tls" else {})


def _warn_of_plain_text(address: str) -> None:
    scheme, _, host = address.partition("://")
    if scheme == "tcp" and host.rpartition(":")[0].strip("[]") not in NEAR:
        print(
            f"warning: {address} is not encrypted: whoever can reach it can run programs as you; "
            "see TLS in Dask's documentation",
            file=sys.stderr,
        )


@contextmanager
def quiet() -> Iterator[None]:
    """What Dask has to say of dying workers and lost connections is said by the campaign."""
    known = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in ("distributed", "tornado")]
    before = {name: logging.getLogger(name).level for name in known}
    for name in known:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
