"""Where a result comes from: the code, the libraries and the processor."""

import functools
import hashlib
import platform
import subprocess

import numpy
import torch
import torchvision

from nnet.record.processor import processor
from nnet.record.source import ROOT


def provenance(device: torch.device) -> dict:
    """Versions, commit, processor and thread count of this process, JSON-able; equal runs here have equal ones."""
    return _code() | machine(device)


def machine(device: torch.device) -> dict:
    """All of `provenance` but the commit: what may change the bits of a result beside the code."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": str(torchvision.__version__),
        "numpy": numpy.__version__,
        "cpu_model": processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    }


def weights_sha256(model: torch.nn.Module) -> str:
    """SHA-256 of every tensor of the network's state: names, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(repr((name, tuple(tensor.shape))).encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()


@functools.cache
def _code() -> dict:
    commit = _git("rev-parse", "HEAD")
    changed = _git("status", "--porcelain", "--", "*.py")
    return {"git_commit": commit, "git_dirty": None if changed is None else bool(changed)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
