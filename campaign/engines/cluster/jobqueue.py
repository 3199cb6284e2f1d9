"""What is used of dask-jobqueue, whose import makes Ctrl-C an ordinary exit (0.9.0): here it leaves Ctrl-C alone."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["JobQueueCluster", "LSFCluster", "LSFJob", "SLURMCluster"]


@contextmanager
def _same_ctrl_c() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


with _same_ctrl_c():
    from dask_jobqueue import LSFCluster, SLURMCluster
    from dask_jobqueue.core import JobQueueCluster
    from dask_jobqueue.lsf import LSFJob
