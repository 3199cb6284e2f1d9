"""The command line that benchmarks share."""

import argparse
import os
import sys
from pathlib import Path

from campaign.engines.workers.environment import KEEP_FREED_MEMORY
from nnet.config import default_data_dir


def parser(documentation: str, section: str) -> argparse.ArgumentParser:
    """A parser with --data-dir and --json; `section` is the part of that JSON file that the benchmark replaces."""
    options = argparse.ArgumentParser(description=documentation.split("\n")[0])
    options.add_argument("--data-dir", default=default_data_dir(), help="folder with MNIST")
    options.add_argument("--json", type=Path, help=f"file whose section `{section}` is replaced")
    return options


def parsed_on_one_core(options: argparse.ArgumentParser) -> argparse.Namespace:
    """Add --core, parse the command line, and pin this process to that core."""
    options.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="core to run on")
    arguments = options.parse_args()
    try:
        os.sched_setaffinity(0, {arguments.core})
    except (OSError, ValueError):
        options.error(f"core {arguments.core} cannot be used here")
    return arguments


def restart_as_worker() -> None:
    """Start this program again with the memory settings of a worker, which are read when a process starts."""
    if not KEEP_FREED_MEMORY.items() <= os.environ.items():
        os.environ.update(KEEP_FREED_MEMORY)
        os.execv(sys.executable, sys.orig_argv)
