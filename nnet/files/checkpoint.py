"""Tensors on disk with a check sum: PyTorch detects a truncated file, but loads flipped bits silently.

A file is an ordinary PyTorch file (a zip archive) for `torch.load`; its archive comment is the SHA-256 of everything
before the comment. Importing this file does not import torch.
"""

import hashlib
import io
import struct
from collections.abc import Mapping
from pathlib import Path

from nnet.files import outside
from nnet.files.atomic import write_file

LABEL = b"sha256:"
COMMENT_LENGTH = len(LABEL) + 64


def save(path: Path, state: dict) -> None:
    """Write tensors, numbers, strings, lists and dicts to `path`, completely or not at all. Raises CannotWrite."""
    write_file(path, pack(state))


def pack(state: dict) -> memoryview:
    """The content of the file; only one copy is in memory."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(-2, io.SEEK_END)  # a zip archive ends with the length of its comment, here 0, in two bytes
    buffer.write(struct.pack("<H", COMMENT_LENGTH))
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    buffer.write(LABEL + digest.encode())
    return buffer.getbuffer()


def load(path: Path, kinds: Mapping[str, type] | None = None) -> dict:
    """What `save` wrote, on the CPU. Only plain data are unpickled. `kinds`: the types of values that it must have.

    Raises OSError, and Unreadable if the file is truncated or damaged, was not written by `save`, or lacks a value.
    """
    import torch

    content = memoryview(_content(path))
    archive, comment = content[:-COMMENT_LENGTH], content[-COMMENT_LENGTH:]
    if comment != LABEL + hashlib.sha256(archive).hexdigest().encode():
        raise outside.Unreadable(f"{path} is damaged: its check sum is wrong")
    with outside.parsing(f"{path} is not a checkpoint"):
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    for name, kind in (kinds or {}).items():
        if not isinstance(state, dict) or not isinstance(state.get(name), kind):
            raise outside.Unreadable(f"{path} holds no {name}: another version of this program wrote it")
    return state


def fits(state: Mapping, own: Mapping) -> bool:
    """Whether a state dict has the names of another one, and the types and shapes of its tensors."""
    return state.keys() == own.keys() and all(_kind(state[name]) == _kind(value) for name, value in own.items())


def _kind(value: object) -> tuple:
    return type(value), getattr(value, "dtype", None), getattr(value, "shape", None)


def _content(path: Path) -> bytes:
    with outside.opened(path) as file:
        return file.read()
