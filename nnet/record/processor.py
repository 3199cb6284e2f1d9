"""The processor that this process runs on."""

import functools
import platform
from pathlib import Path


@functools.cache
def processor() -> str:
    """Its model name, as the system gives it: "AMD EPYC", "Intel(R) Xeon(R) Processor"."""
    return _entry("model name") or platform.processor() or platform.machine()


def is_intel() -> bool:
    """Whether it is one of Intel's, as far as the system says."""
    return _entry("vendor_id") == "GenuineIntel"


def _entry(name: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), None)
