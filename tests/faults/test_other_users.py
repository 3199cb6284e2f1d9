"""What other users of the same machine, network or folder can do to a campaign: nothing."""

import asyncio
import http.client
import os
import re
import signal
import stat
import urllib.request
from pathlib import Path

import pytest

from campaign.engines.base import missing_for
from campaign.engines.cluster import transfer
from nnet.config import TrainConfig
from tests.cluster.conftest import stand_in
from tests.faults.launching import LONG, RUNS, end, kill, wait_for

ENDLESS = RUNS.replace("--epochs 12", "--epochs 5000")
KEEP = ("--epoch-checkpoint-s", "0")
LOCAL = ("--engine", "dask", "--max-workers", "2")
JOBS = "--engine lsf --cores 2 --memory 2GB --walltime 1:00 --jobs 1".split()
PAGES = ("health", "metrics", "info/main/workers.html", "json/identity.json")


def through_dask(test):
    """A test with Dask's own processes, for `make test-cluster`."""
    reason = missing_for("dask") or ""
    return pytest.mark.cluster(pytest.mark.timeout(600)(pytest.mark.skipif(bool(reason), reason=reason)(test)))


def ports(folder: Path) -> set[int]:
    """The ports on which processes in this folder listen."""
    listening = {}
    for table in ("tcp", "tcp6"):
        for words in map(str.split, Path(f"/proc/net/{table}").read_text().splitlines()[1:]):
            if words[3] == "0A":
                listening[f"socket:[{words[9]}]"] = int(words[1].rpartition(":")[2], 16)
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(folder):
                found |= {os.readlink(file) for file in (process / "fd").iterdir()}
        except OSError:  # it has ended, or is not ours
            continue
    return {port for socket, port in listening.items() if socket in found}


def answering(ports: set[int]) -> list[str]:
    """The addresses at which a stranger gets an answer: plain, with TLS and keys of his own, or to a browser."""
    from distributed import Security
    from distributed.core import rpc

    async def answer(address: str) -> str | None:
        arguments = Security.temporary().get_connection_args("client") if address.startswith("tls") else {}
        async with rpc(address, connection_args=arguments) as stranger:
            try:
                await asyncio.wait_for(stranger.identity(), 10)
                return address
            except (OSError, ValueError, TimeoutError):
                return None

    async def answers() -> list[str | None]:
        addresses = [f"{scheme}://127.0.0.1:{port}" for scheme in ("tcp", "tls") for port in ports]
        return await asyncio.gather(*map(answer, addresses))

    found = [address for address in asyncio.run(answers()) if address is not None]
    for page in (f"http://127.0.0.1:{port}/{page}" for port in ports for page in PAGES):
        try:
            with urllib.request.urlopen(page, timeout=5):
                found.append(page)
        except (OSError, http.client.HTTPException):
            pass
    return found


@through_dask
@pytest.mark.parametrize("words", [LOCAL, JOBS], ids=["dask", "lsf"])
def test_a_stranger_gets_no_answer_from_any_port_and_reads_no_key(place, tmp_path, words):
    temporary = place.folder / "temporary"
    (temporary / "dask-scratch-space").mkdir(parents=True)
    (temporary / "dask-scratch-space").chmod(0o777)  # Dask's folder, which somebody else was the first to make
    launcher = place.start(*words, *KEEP, base=ENDLESS, **stand_in(tmp_path), TMPDIR=str(temporary))
    wait_for(lambda: list((place.results / "partial").glob("*.epoch")))
    (closed,) = [path for path in place.folder.rglob(".campaign-*") if path.is_dir()]
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not any((temporary / "dask-scratch-space").iterdir())
    open_ports = ports(place.folder)
    assert len(open_ports) > 4  # of the scheduler, of workers, and of what looks after workers
    assert answering(open_ports) == []
    assert ports(place.folder) == open_ports
    kill(launcher.pid, signal.SIGINT)
    code, _, complaint = end(launcher)
    assert code == 130 and "Traceback" not in complaint
    assert not closed.exists()


@through_dask
def test_keys_that_a_killed_launcher_left_are_deleted_at_the_next_launch(place, tmp_path):
    environment = stand_in(tmp_path)
    launcher = place.start(*JOBS, *KEEP, base=LONG, **environment)
    wait_for(lambda: list((place.folder / "cluster-logs").glob(".campaign-*/key.pem")))
    kill(launcher.pid)
    launcher.communicate()
    theirs = place.folder / "cluster-logs/.campaign-elsewhere-1-x"
    theirs.mkdir()
    code, _, complaint = place.launch(*JOBS, *KEEP, base=LONG, **environment)
    assert code == 0, complaint
    assert list((place.folder / "cluster-logs").glob(".campaign-*")) == [theirs]


@through_dask
def test_a_folder_with_a_blank_holds_keys_too(place, tmp_path):
    place.folder = tmp_path / "my campaign"
    place.folder.mkdir()
    code, _, complaint = place.launch(*JOBS, **stand_in(tmp_path))
    assert (code, complaint) == (0, "")


@through_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{}", "tcp://localhost:{}"])
def test_a_scheduler_without_tls_is_warned_of_on_loopback_too(address, capsys):
    from distributed import LocalCluster

    from campaign.engines.cluster.clients import connected

    with LocalCluster(n_workers=0, host="127.0.0.1", protocol="tcp://", dashboard_address="127.0.0.1:0") as cluster:
        address = address.format(cluster.scheduler_address.rpartition(":")[2])
        for _ in range(2):  # said once
            with connected(address):
                pass
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"warning: the scheduler at tcp://\S+ has no TLS: .* can run programs as you; ", line)


def test_a_link_in_a_shared_folder_is_not_followed_by_the_file_that_shows_it_is_shared(tmp_path):
    config = TrainConfig(epoch_checkpoint_dir=str(tmp_path / "results"))
    folder = Path(config.partial_file).parent
    folder.mkdir(parents=True)
    victim = tmp_path / "victim"
    (folder / f".shared.{transfer.HOST}-{os.getpid()}.tmp").symlink_to(victim)
    tokens = [Path(transfer.token(config)) for _ in range(2)]
    assert not victim.exists() and len({*tokens}) == 2
    assert all(token.parent == folder and token.is_file() and not token.is_symlink() for token in tokens)
