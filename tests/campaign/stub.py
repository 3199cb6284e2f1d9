"""Work for engines that needs no torch: what a run does is written in its `options`-free field `seed`."""

import os
import signal
import time

from nnet.config import TrainConfig

RAISES, DIES, EXITS, SLOW, ODD = 100, 200, 300, 400, 500


class OddError(Exception):
    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


def work(config: TrainConfig) -> dict:
    """Seed 100 raises, 200 is killed, 300 exits silently, 400 is slow, 500 raises oddly; others give a result."""
    if config.seed == RAISES:
        raise ArithmeticError("this run\nraises")
    if config.seed == DIES:
        os.kill(os.getpid(), signal.SIGKILL)
    if config.seed == EXITS:
        os._exit(0)
    if config.seed == SLOW:
        time.sleep(600)
    if config.seed == ODD:
        raise OddError(3, 4)
    time.sleep(0.05)
    return {"seed": config.seed, "pid": os.getpid(), "threads": os.environ.get("OMP_NUM_THREADS")}
