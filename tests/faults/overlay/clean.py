"""The regime `clean` with a fault: FAULT = '{"how": …, "seed": …, "epoch": …, "times": …, "folder": …}'.

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
FAULT = json.loads(os.environ.get("FAULT", "null"))


class FaultError(ValueError):
    """What a faulty run raises."""


def hang():
    while True:
        pass


def run_out_of_memory():
    resource.setrlimit(resource.RLIMIT_DATA, (2**30, 2**30))
    torch.ones(2**30)


HOW = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segv": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "exit 0": lambda: os._exit(0),
    "sys.exit": lambda: sys.exit(3),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    "raise": lambda: (_ for _ in ()).throw(FaultError("this run\nraises")),
    "hang": hang,
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "memory": run_out_of_memory,
    "fork server": lambda: os.kill(os.getppid(), signal.SIGKILL),
}


class Regime(base.Regime):
    def start_epoch(self, epoch):
        self.diverges = False
        if FAULT and (self.cfg.seed, epoch) == (FAULT["seed"], FAULT["epoch"]) and self.is_due():
            self.diverges = FAULT["how"] == "diverge"
            HOW.get(FAULT["how"], lambda: None)()

    def is_due(self):
        """The fault happens `times` times and never again, in whatever process."""
        for number in range(FAULT["times"]):
            try:
                (Path(FAULT["folder"]) / f"fault {number}").touch(exist_ok=False)
                return True
            except FileExistsError:
                continue
        return False

    def step(self, images, labels):
        loss = super().step(images, labels)
        return loss * torch.inf if self.diverges else loss
