"""dask-jobqueue, whose import (0.9.0) changes the handler of Ctrl-C: import it from here, where the handler stays."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["JobQueueCluster", "dask_jobqueue"]


@contextmanager
def _same_ctrl_c() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


with _same_ctrl_c():
    import dask_jobqueue
    import dask_jobqueue.lsf
    from dask_jobqueue.core import JobQueueCluster
