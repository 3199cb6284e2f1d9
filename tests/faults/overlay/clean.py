"""The regime `clean` with faults: FAULTS = '[{"how": …, "seed": …, "epoch": …, "times": …, "folder": …}, …]'.

In the copy of the project that the tests of faults run, this file stands in the place of nnet/regimes/clean.py,
so that runs keep their names and can be compared with those of an undisturbed campaign.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path

import torch

from nnet.regimes import base

USES_ALPHA_TRAIN = False
FAULTS = json.loads(os.environ.get("FAULTS", "[]"))


class FaultError(ValueError):
    """What a faulty run raises."""


def hang():
    while True:
        pass


def deaf():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    hang()


def run_out_of_memory():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (2**30, before[1]))
    try:
        torch.ones(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


HOW = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segv": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "exit 0": lambda: os._exit(0),
    "sys.exit": lambda: sys.exit(3),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    "raise": lambda: (_ for _ in ()).throw(FaultError("this run\nraises")),
    "hang": hang,
    "deaf": deaf,
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "memory": run_out_of_memory,
    "fork server": lambda: os.kill(os.getppid(), signal.SIGKILL),
}


def is_due(fault):
    """A fault happens `times` times and never again, in whatever process."""
    for number in range(fault["times"]):
        try:
            (Path(fault["folder"]) / f"fault of {fault['seed']}, {number}").touch(exist_ok=False)
            return True
        except FileExistsError:
            continue
    return False


class Regime(base.Regime):
    def start_epoch(self, epoch):
        self.diverges = False
        for fault in FAULTS:
            if (self.cfg.seed, epoch) == (fault["seed"], fault["epoch"]) and is_due(fault):
                self.diverges = fault["how"] == "diverge"
                HOW.get(fault["how"], lambda: None)()

    def step(self, images, labels):
        loss = super().step(images, labels)
        return loss * torch.inf if self.diverges else loss
