"""Environment variables that limit the threads of a worker, which libraries read when they are imported."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def thread_limits(threads: int) -> dict[str, str]:
    """The variables by name, for so many threads."""
    return dict.fromkeys(LIMITS, str(threads))


def exported_limits(threads: int) -> str:
    """The line of shell that sets them."""
    return "export " + " ".join(f"{name}={value}" for name, value in thread_limits(threads).items())


@contextmanager
def changed(variables: Mapping[str, str]) -> Iterator[None]:
    """Within the block this process has these variables, after it those that it had before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
