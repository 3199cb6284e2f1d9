"""The work of a campaign with faults in its launcher: FAILPOINT = '{"call": …, "number": …, "how": …}'.

In the copy of the project that the tests of faults run, this file stands in the place of
campaign/engines/workers/tasks.py.
The `number`th call of os.replace, os.fsync or os.open for writing in the launcher kills it, or raises an
OSError, once or from then on. With STUB set, a run is made up without torch, and STUB_FAULTS = '{"pilot": …,
"train": …}' says what happens to it first: "hang", "deaf", "stop", "kill", "server", or seconds that it takes. With
POINTS set, this file gets a line for every point that a worker computes: run_id, evaluation, strength, draw. FIRST_S is
the first pause before something is tried again.
"""

import errno
import hashlib
import json
import os
import signal
import time

from campaign.engines.workers.made_up import run_of

from campaign.machine import patience
from nnet import registry

FAILPOINT = json.loads(os.environ.get("FAILPOINT", "null"))
calls = {"replace": 0, "fsync": 0, "open": 0}


def failing(name, real):
    def call(*arguments, **keywords):
        if name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR):
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


if "FIRST_S" in os.environ:
    patience.FIRST_S = float(os.environ["FIRST_S"])
if FAILPOINT:
    setattr(os, FAILPOINT["call"], failing(FAILPOINT["call"], getattr(os, FAILPOINT["call"])))


def train(config, known=None):
    if "STUB" in os.environ:
        suffer("train")
        return stub(config, known)
    from nnet_models import train_and_evaluate

    if "POINTS" in os.environ:
        count_points(config.run_id)
    return train_and_evaluate(config, known)


def measure(config, known):
    from nnet.record import kept

    kept.check_kept(config, known)
    return train(config, known)


run_id = None


def count_points(now):
    """Let the evaluations of this process write a line for every point that they compute for the run `now`."""
    global run_id
    if run_id is None:
        for name in registry.names("evaluations"):
            evaluation = registry.load("evaluations", name).Evaluation
            evaluation.measure = counting(name, evaluation.measure)
    run_id = now


def counting(name, real):
    def measure(self, points):
        for (strength, draw), rows in zip(points, real(self, points), strict=True):
            with open(os.environ["POINTS"], "ab", buffering=0) as file:
                file.write(f"{run_id} {name} {strength} {draw}\n".encode())
            yield rows

    return measure


def pilot(config):
    if "STUB" in os.environ:
        return look(config) | {"cost": None}
    from campaign.engines.workers import pilot

    return pilot.pilot(config)


def look(config):
    if "STUB" in os.environ:
        suffer("pilot")
        return {"data_sha256": "", "machine": {}, "not_noised": []}
    from campaign.engines.workers import pilot

    return pilot.look(config)


def suffer(stage):
    how = json.loads(os.environ.get("STUB_FAULTS", "{}")).get(stage, 0)
    if how == "deaf":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    if how in ("hang", "deaf"):
        time.sleep(1000)
    elif how in ("stop", "kill"):
        os.kill(os.getpid(), {"stop": signal.SIGSTOP, "kill": signal.SIGKILL}[how])
    elif how == "server":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1000)
    else:
        time.sleep(how)


def stub(config, known=None):
    """A result that depends on the configuration alone, with every field that the tables need."""
    digest = hashlib.sha256(config.run_id.encode()).digest()
    return run_of(config, digest[0] / 255, known)
