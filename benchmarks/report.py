"""The file in which benchmarks leave their figures, and the machine that they were made on."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from nnet.atomic import write_file


def write_section(path: Path, name: str, content: dict) -> None:
    """Replace one section of a JSON file; the others stay."""
    sections = json.loads(path.read_text()) if path.exists() else {}
    command = ["python", "-m", *(part for part in sys.orig_argv[2:])]
    content = {"command": " ".join(command), **content}
    write_file(path, (json.dumps(sections | {name: content}, indent=1) + "\n").encode())


def machine() -> dict:
    """Processor, cores, libraries and commit."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    import torch

    return {
        "cpu_model": model,
        "cores": os.cpu_count(),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "git_commit": commit,
    }
