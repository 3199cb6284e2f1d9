"""A real Slurm of one node, this machine, in a temporary folder: munged, slurmctld and slurmd, started by hand."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.faults.launching import wait_for

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue", "sinfo")
CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory={memory} State=UNKNOWN
PartitionName=compute Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str | None:
    """Why there can be no Slurm here; None if there can."""
    absent = [name for name in PROGRAMS if which(name) is None]
    if absent:
        return f"no Slurm here ({' and '.join(absent)} missing): make test-cluster installs it"
    return None if os.geteuid() == 0 else "Slurm's daemons are started by root here"


def which(name: str) -> str | None:
    """A program, also where only root looks for it."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


class Slurm:
    """The daemons, and the environment in which sbatch finds them."""

    def __init__(self, folder: Path, cores: int = 4, memory: int = 8000):
        self.folder = folder
        host = socket.gethostname().split(".")[0]
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        conf = CONF.format(host=host, folder=folder, ports=_free_ports(2), cores=cores, memory=memory)
        (folder / "slurm.conf").write_text(conf)
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self.daemons: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start the daemons. Raises AssertionError where no node is ready in time."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        self.folder.chmod(0o755)
        self._daemon(
            "munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket", f"--key-file={key}",
            f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed",
        )  # fmt: skip
        wait_for((self.folder / "munge.socket").exists, 20)
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D")
        wait_for(lambda: "idle" in self.call("sinfo", "--noheader", "--format=%t"), 40)

    def complaint(self) -> str:
        """The last line that each of the daemons has written."""
        logs = [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
        written = {path.name: path.read_text(errors="replace").strip().splitlines() for path in sorted(logs)}
        return "; ".join(f"{name}: {lines[-1]}" for name, lines in written.items() if lines)

    def call(self, *command: str) -> str:
        """What a command of Slurm prints."""
        environment = os.environ | self.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30).stdout

    def queued(self) -> list[str]:
        """The ids of the jobs that wait or run."""
        return self.call("squeue", "--noheader", "--format=%i").split()

    def close(self) -> None:
        for job in self.queued():
            self.call("scancel", "--signal=KILL", "--full", job)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def _daemon(self, name: str, *arguments: str) -> None:
        with open(self.folder / f"{name}.out", "ab") as output:
            self.daemons.append(
                subprocess.Popen(
                    [which(name), *arguments], env=os.environ | self.environment, stdin=subprocess.DEVNULL,
                    stdout=output, stderr=output, start_new_session=True,
                )
            )  # fmt: skip


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()
