"""Where a result comes from: the code, the command, the libraries and the processor.

Importing it does not import torch: the launcher compares code and processors too.
"""

import functools
import hashlib
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nnet import VERSION, registry
from nnet.processor import plain_layers, processor
from nnet.record import libraries, own_code

if TYPE_CHECKING:
    import torch

ROOT = Path(__file__).resolve().parents[2]
SAME_BITS = ("cpu_model", "cpu_capability", "torch", "threads", "device")
"""What must be the same for a training to give the same bits again."""
COMMAND = "NNET_COMMAND"
"""Environment variable: the command line of the launcher, which its workers state."""
UNTRACKED = "?? "
"""How `git status --porcelain` marks a file that Git does not know."""


def provenance(device: "torch.device", plug_ins: Iterable[tuple[str, str]] = ()) -> dict:
    """Versions, commit, command line, processor and thread count of this process, JSON-able.

    `plug_ins`: kind and name of those that compute the result; `libraries` has the versions of what they import, and
    `own_code` the hashes of the user's files that they are made of. Both are left out where they are empty.
    """
    plug_ins = list(plug_ins)
    further = {"libraries": libraries.of(plug_ins), "own_code": own_code.of(plug_ins)}
    about = {"version": VERSION, **commit(), **changes(), "command": command(), **machine(device)}
    return about | {name: value for name, value in further.items() if value}


def machine(device: "torch.device") -> dict:
    """Libraries, processor and threads: what may change the bits of a result beside the code.

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
        **libraries.always(),
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
    head, changed_files = _git("rev-parse", "HEAD"), _changed_files()
    dirty = None if changed_files is None else bool(changed_files)
    return {"git_commit": None if head is None else head.strip(), "git_dirty": dirty}


@functools.cache
def _changed_files() -> str | None:
    return _git("status", "--porcelain", "-uall", "--", "*.py")


@functools.cache
def changes() -> dict:
    """`git_diff_sha256`, a hash of what `git_dirty` means; {} where nothing was changed, or Git does not know.

    It is the SHA-256 of the output of `git diff HEAD -- '*.py'`, where new files follow, each as its path and content.
    """
    listed = _changed_files() or ""
    plain = ("--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", "--binary")
    diff = _git("-c", "core.quotePath=true", "diff", *plain, "HEAD", "--", "*.py") if listed else None
    if diff is None:
        return {}
    digest = hashlib.sha256(diff.encode(errors="surrogateescape"))
    for line in listed.splitlines():
        if line.startswith(UNTRACKED):
            path = line.removeprefix(UNTRACKED)
            digest.update(path.encode() + registry.content(ROOT / path))
    return {"git_diff_sha256": digest.hexdigest()}


def command() -> str:
    """The command line that asked for the results of this process: that of its launcher, or its own."""
    return os.environ.get(COMMAND) or shlex.join(sys.argv)


def _git(*arguments: str) -> str | None:
    """What Git prints in this program's folder; None if there is no Git, or it knows nothing of it."""
    try:
        ended = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout.decode(errors="surrogateescape") if ended.returncode == 0 else None
