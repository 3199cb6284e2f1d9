"""The command line that benchmarks share."""

import argparse
import os
import sys
from pathlib import Path

from campaign.engines.workers.environment import KEEP_FREED_MEMORY
from nnet.config import default_data_dir


def parser(documentation: str, section: str) -> argparse.ArgumentParser:
    """--data-dir and --json; `section`: of that file, in which the benchmark leaves its figures."""
    made = argparse.ArgumentParser(description=documentation.split("\n")[0])
    made.add_argument("--data-dir", default=default_data_dir(), help="folder with MNIST")
    made.add_argument("--json", type=Path, help=f"file whose section `{section}` is replaced")
    return made


def parsed_on_one_core(of: argparse.ArgumentParser) -> argparse.Namespace:
    """What the command line says, with --core too, to which this process is pinned from then on."""
    of.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="the core to be pinned to")
    arguments = of.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    return arguments


def restart_as_worker() -> None:
    """Start this program again with the memory settings of a worker, which are read when a process starts."""
    if not KEEP_FREED_MEMORY.items() <= os.environ.items():
        os.environ.update(KEEP_FREED_MEMORY)
        os.execv(sys.executable, sys.orig_argv)
