"""The work of a campaign with faults in its launcher: FAILPOINT = '{"call": …, "number": …, "how": …}'.

In the copy of the project that the tests of faults run, this file stands in the place of
campaign/engines/workers/tasks.py.
The `number`th call of os.replace, os.fsync or builtins.open for writing in the launcher kills it, or raises an
OSError, once or from then on. With STUB set, a run is a second-long computation without torch.
"""

import builtins
import errno
import hashlib
import json
import os
import signal

FAILPOINT = json.loads(os.environ.get("FAILPOINT", "null"))
calls = {"replace": 0, "fsync": 0, "open": 0}


def failing(name, real):
    def call(*arguments, **keywords):
        if name != "open" or "w" in str(arguments[1:2]) or "a" in str(arguments[1:2]):
            calls[name] += 1
            due = calls[name] == FAILPOINT["number"] or (FAILPOINT["sticky"] and calls[name] > FAILPOINT["number"])
            if due and FAILPOINT["how"] == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if due and FAILPOINT["how"] == "interrupt":
                os.kill(os.getpid(), signal.SIGINT)
            elif due:
                raise OSError(getattr(errno, FAILPOINT["how"]), os.strerror(getattr(errno, FAILPOINT["how"])))
        return real(*arguments, **keywords)

    return call


if FAILPOINT:
    module = builtins if FAILPOINT["call"] == "open" else os
    setattr(module, FAILPOINT["call"], failing(FAILPOINT["call"], getattr(module, FAILPOINT["call"])))


def train(config):
    if "STUB" in os.environ:
        return stub(config)
    from nnet_models import train_and_evaluate

    return train_and_evaluate(config)


def pilot(config):
    if "STUB" in os.environ:
        return look(config) | {"cost": None}
    from campaign.engines.workers import pilot

    return pilot.pilot(config)


def look(config):
    if "STUB" in os.environ:
        return {"data_sha256": "", "machine": {}}
    from campaign.engines.workers import pilot

    return pilot.look(config)


def stub(config):
    """A result that depends on the configuration alone, with every field that the tables need."""
    digest = hashlib.sha256(config.run_id.encode()).digest()
    accuracy = digest[0] / 255
    row = {"alpha_test": 0.0, "noise_samples": 1, "acc": accuracy, "acc_std": None, "loss": 0.5, "drop": 0.0}
    return {
        "run_id": config.run_id, "dataset": config.dataset_name, "architecture": config.arch, "regime": config.regime,
        "seed": config.seed, "alpha_train": config.alpha_train, "noise_model": config.noise_model,
        "activation": config.activation, "p": config.p, "epochs": config.epochs, "acc_0": accuracy, "acc_01": None,
        "drop_at_01": None, "test_loss": 0.5, "train_loss": 0.5, "status": "ok", "train_seconds": 0.1,
        "sweep_seconds": 0.1, "diverged_epoch": None, "sweep": [row], "history": [], "config": config.training(),
        "provenance": {}, "sha256": {"data": ""},
    }  # fmt: skip
