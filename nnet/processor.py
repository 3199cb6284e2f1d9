"""The processor that this process runs on."""

import functools
import platform
from pathlib import Path


@functools.cache
def processor() -> str:
    """Its model name, as the system gives it: "AMD EPYC", "Intel(R) Xeon(R) Processor"."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
