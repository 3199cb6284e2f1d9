"""Environment variables of a worker: thread limits, which libraries read when they are imported, and its memory.

A run sets the number of torch's threads itself when it begins, so that runs of different numbers share a worker.

With MALLOC_…, which the C library reads when a process starts, a worker keeps the memory that it frees. Without them it
returns memory to the system in each training step, and the system clears every page again: a third of a step of `cnn`.
With GOMP_SPINCOUNT a thread that waits for the others sleeps after some microseconds. Without it, it keeps a core busy
for milliseconds: where another program needs that core, a run with two threads takes several times as long as with one.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
KEEP_FREED_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
"""In bytes. 2²⁵ is the largest threshold that the GNU C library accepts; other C libraries ignore both."""
SHORT_WAIT = {"GOMP_SPINCOUNT": "1000"}
"""In turns of a loop; GNU's OpenMP, which torch brings along, uses as many itself where it sees too few cores."""


def thread_limits(threads: int) -> dict[str, str]:
    """The variables by name, for a worker with `threads` threads."""
    return dict.fromkeys(LIMITS, str(threads)) | KEEP_FREED_MEMORY | SHORT_WAIT


def exported_limits(threads: int) -> str:
    """The shell command that sets them."""
    return "export " + " ".join(f"{name}={value}" for name, value in thread_limits(threads).items())


@contextmanager
def changed(variables: Mapping[str, str]) -> Iterator[None]:
    """Set these variables of this process within the `with` block, and restore the former ones afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
