"""The file in which benchmarks leave their figures, and the machine that they were made on."""

import json
import os
import sys
from pathlib import Path

import torch

from nnet.files.atomic import write_file
from nnet.record.provenance import provenance


def write_section(path: Path, name: str, content: dict) -> None:
    """Replace one section of a JSON file; the others stay."""
    sections = json.loads(path.read_text()) if path.exists() else {}
    command = " ".join(["python", *sys.orig_argv[1:]])
    sections[name] = {"command": command, "machine": machine(), **content}
    write_file(path, (json.dumps(sections, indent=1) + "\n").encode())


def machine() -> dict:
    """Processor, cores, libraries and commit."""
    return {"cores": os.cpu_count(), **provenance(torch.device("cpu"))}
