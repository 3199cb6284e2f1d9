"""The command line that benchmarks share."""

import argparse
import os
from pathlib import Path

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
