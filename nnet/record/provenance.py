"""Where a result comes from: the code, the libraries and the processor.

Importing it does not import torch: the launcher compares code and processors too.
"""

import functools
import hashlib
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nnet import registry
from nnet.processor import plain_layers, processor

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parents[2]
SAME_BITS = ("cpu_model", "cpu_capability", "torch", "threads", "device")
"""What must be the same for a training to give the same bits again."""


def provenance(device: "torch.device") -> dict:
    """Versions, commit, processor and thread count of this process, JSON-able."""
    return commit() | machine(device)


def machine(device: "torch.device") -> dict:
    """All of `provenance` but the commit: what else may change the bits of a result.

    `NNET_PLAIN` is stated only where it is set: see `nnet.architectures.parts.fast`.
    """
    import numpy
    import torch
    import torchvision

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "torchvision": str(torchvision.__version__),
        "numpy": numpy.__version__,
        "cpu_model": processor(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    } | ({"NNET_PLAIN": True} if plain_layers() else {})


def other_bits(recorded: Mapping, here: Mapping) -> list[str]:
    """Why this machine may give other bits than those of a recorded provenance: one text per difference."""
    return [
        f"{name} was {recorded.get(name)!r} and is {here[name]!r} here"
        for name in SAME_BITS
        if recorded.get(name) != here[name]
    ]


@functools.cache
def code_sha256() -> str:
    """SHA-256 of the source files that a run uses: `nnet_models.py`, `nnet/` and the user's plug-ins."""
    digest = hashlib.sha256()
    for path in [ROOT / "nnet_models.py", *sorted((ROOT / "nnet").rglob("*.py"))]:
        digest.update(repr((str(path.relative_to(ROOT)), registry.content(path))).encode())
    for item in registry.users_code().items():
        digest.update(repr(item).encode())
    return digest.hexdigest()


def weights_sha256(model: "torch.nn.Module") -> str:
    """SHA-256 of every tensor in the network's state: names, shapes and bytes."""
    return state_sha256(model.state_dict())


def state_sha256(state: "Mapping[str, torch.Tensor]") -> str:
    """The same from the state itself."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in state.items():
        values = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        digest.update(repr((name, tuple(tensor.shape))).encode() + values.tobytes())
    return digest.hexdigest()


@functools.cache
def commit() -> dict:
    """The commit of this program, and whether its files were changed since; None where Git does not know it."""
    commit = _git("rev-parse", "HEAD")
    changed_files = _git("status", "--porcelain", "--", "*.py")
    return {"git_commit": commit, "git_dirty": None if changed_files is None else bool(changed_files)}


def _git(*arguments: str) -> str | None:
    try:
        command = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return command.stdout.strip() if command.returncode == 0 else None
