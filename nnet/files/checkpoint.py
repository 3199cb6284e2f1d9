"""Tensors on disk, with a check sum: PyTorch notices a truncated file, but loads flipped bits in silence.

A file is an ordinary PyTorch file (a zip archive), which `torch.load` reads; its archive comment is the
SHA-256 of all that comes before the comment.
"""

import hashlib
import io
import pickle
import struct
from pathlib import Path

import torch

from nnet.files.atomic import write_file

LABEL = b"sha256:"
COMMENT_LENGTH = len(LABEL) + 64


def save(path: Path, state: dict) -> None:
    """Write tensors, numbers, texts, lists and dicts to `path`, whole or not at all. Raises CannotWrite."""
    write_file(path, pack(state))


def pack(state: dict) -> memoryview:
    """The content of the file, held in memory once."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(-2, io.SEEK_END)  # a zip archive ends with the length of its comment, here 0, in two bytes
    buffer.write(struct.pack("<H", COMMENT_LENGTH))
    digest = hashlib.sha256(buffer.getbuffer()).hexdigest()
    buffer.write(LABEL + digest.encode())
    return buffer.getbuffer()


def load(path: Path) -> dict:
    """What `save` wrote, on the CPU. Nothing but plain data is unpickled.

    Raises ValueError where the file is truncated, where a bit of it has flipped or where it is none of `save`'s.
    """
    content = memoryview(Path(path).read_bytes())
    archive, comment = content[:-COMMENT_LENGTH], content[-COMMENT_LENGTH:]
    if comment != LABEL + hashlib.sha256(archive).hexdigest().encode():
        raise ValueError(f"{path} is damaged: its check sum is wrong")
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is no checkpoint: {error}") from error
