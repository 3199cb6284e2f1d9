"""Test images that a user gives: a pair of tensors, an .npz file, or the name of a dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from nnet.checks import ConfigError, whole_number
from nnet.data import npz, prepared, validation
from nnet.data.batches import Batch, subset
from nnet.datasets.base import check_dataset

Data = str | Path | Sequence[torch.Tensor | np.ndarray]
"""The name of a dataset, the path of an .npz file, or (images, labels)."""
KINDS = {(torch.uint8, 4): "images", (torch.float32, 4): "images", (torch.float32, 3): "sequences"}
"""What a tensor of this type and number of dimensions holds."""


class Given(Sequence[Batch]):
    """The batches of labelled images on one device: float32 B×C×H×W in [0, 1], or sequences B×T×C, and int64 B.

    A batch is made when it is used: large images stay in memory as they were given, such as uint8.
    """

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, size: int, channels: int, device: torch.device):
        """`size`: images of a batch; `channels`: to how many channels images of one channel are repeated.

        Raises ConfigError unless both are whole numbers from 1 up.
        """
        size = whole_number("batch_size", size, 1)
        self.parts = list(zip(images.split(size), labels.split(size), strict=True))
        self.channels, self.device = whole_number("channels", channels, 1), device

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, number):
        images, labels = self.parts[number]
        kind = prepared.kind_of(images)
        images = kind.inputs(images.to(self.device))
        one = images.dim() == 4 and images.shape[1] == 1
        return kind.repeated(images, self.channels) if one else images, labels.to(self.device)

    def __iter__(self) -> Iterator[Batch]:
        return (self[number] for number in range(len(self)))


def given_images(
    data: Data, image_size: int | None, data_dir: str, most: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Test images (uint8 or float32) and their labels (int64), at most `most` of them: a fixed stratified subset.

    `image_size`: pixels to which the images of a dataset or file are resized, None for sequences; `data_dir`: the
    folder of the datasets' files. Of an .npz file only x_test and y_test are used. Raises ConfigError, in one sentence,
    for anything else.
    """
    if isinstance(data, str | Path):
        images, labels = _of_name(check_dataset("data", data), image_size, data_dir)
    elif image_size is not None:
        raise ConfigError("image_size is for a dataset's name or an .npz file: tensors keep their size")
    elif isinstance(data, tuple | list) and len(data) == 2:
        images, labels = checked(data[0], data[1], "data")
    else:
        raise ConfigError(
            "data must be (images, labels), the path of an .npz file or the name of a dataset; "
            f"got {type(data).__name__}{f' of length {len(data)}' if isinstance(data, tuple | list) else ''}"
        )
    return subset(images, labels, most)


def checked(images: object, labels: object, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """A pair of tensors or arrays as tensors on the CPU. Raises ConfigError, in one sentence that names `source`."""
    x, y = (_tensor(values, name, source) for values, name in ((images, "images"), (labels, "labels")))
    kind = KINDS.get((x.dtype, x.dim()))
    if kind is None or x.numel() == 0:
        raise ConfigError(
            f"the images of {source} must be uint8 or float32 of shape N×C×H×W, or sequences float32 N×T×C, not empty; "
            f"they are {_described(x)}"
        )
    if kind == "images":
        validation.say_layouts({"images": tuple(x.shape)}, source)
        if validation.layout(tuple(x.shape), "images", source) == validation.CHANNELS_LAST:
            x = x.permute(0, 3, 1, 2).contiguous()
    if x.is_floating_point() and not x.isfinite().all():
        raise ConfigError(f"the {kind} of {source} have values that are not finite")
    if x.is_floating_point() and kind == "images" and not (x.min() >= 0 and x.max() <= 1):
        raise ConfigError(
            f"the images of {source} must be in [0, 1], as a network's input before standardisation; they reach from "
            f"{x.min():g} to {x.max():g}"
        )
    if y.is_floating_point() or y.dtype == torch.bool or y.shape != x.shape[:1] or y.min() < 0:
        raise ConfigError(
            f"the labels of {source} must be {len(x)} whole numbers from 0 up, one per image; they are {_described(y)}"
            + (f", the smallest {y.min()}" if y.numel() and y.min() < 0 else "")
        )
    return x, y.long()


def _of_name(name: str, image_size: int | None, data_dir: str) -> tuple[torch.Tensor, torch.Tensor]:
    if not name.endswith(".npz"):
        images = prepared.load(name, image_size, data_dir)
        return images.x_test, images.y_test
    x, y = npz.read(Path(name), ("x_test", "y_test"))
    if x.dtype == np.uint8:
        images = validation.as_images(x, "x_test", name)
        validation.say_layouts({"x_test": x.shape}, name)
        x = np.ascontiguousarray(images)
    if x.dtype == np.uint8 or x.ndim == 3:
        x = prepared.kind_of(x).resized(x, image_size)
    return checked(x, y, name)


def _tensor(values: object, name: str, source: str) -> torch.Tensor:
    try:
        return torch.as_tensor(values).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"the {name} of {source} must be a tensor or an array; got {type(values).__name__}"
        ) from error


def _described(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
