"""Tensors on disk with a check sum: PyTorch detects a truncated file, but loads flipped bits silently.

A file is an ordinary PyTorch file (a zip archive) for `torch.load`; its archive comment is the SHA-256 of everything
before the comment. Importing this file does not import torch.
"""

import hashlib
import io
import pickle
import struct
from pathlib import Path

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


def load(path: Path) -> dict:
    """What `save` wrote, on the CPU. Only plain data are unpickled.

    Raises ValueError if the file is truncated or damaged, or was not written by `save`.
    """
    import torch

    content = memoryview(Path(path).read_bytes())
    archive, comment = content[:-COMMENT_LENGTH], content[-COMMENT_LENGTH:]
    if comment != LABEL + hashlib.sha256(archive).hexdigest().encode():
        raise ValueError(f"{path} is damaged: its check sum is wrong")
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is not a checkpoint: {error}") from error
