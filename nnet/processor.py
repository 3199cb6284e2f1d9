"""The processor of this machine, and whether it shall run PyTorch's own layers. Importing it does not import torch."""

import functools
import os
import platform
from pathlib import Path


def plain_layers() -> bool:
    """Whether the environment variable NNET_PLAIN=1 asks for PyTorch's own layers."""
    return os.environ.get("NNET_PLAIN") == "1"


@functools.cache
def processor() -> str:
    """The model name as the system gives it: "AMD EPYC", "Intel(R) Xeon(R) Processor"."""
    return processor_entry("model name") or platform.processor() or platform.machine()


def processor_entry(name: str) -> str | None:
    """The first value of `name` in /proc/cpuinfo, or None."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)
