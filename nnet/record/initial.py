"""Weights of a file instead of drawn ones: compared with the file that the run is named after, and fitted."""

import functools
import pickle
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import torch
from torch import nn

from nnet import registry
from nnet.architectures.parts import standardize
from nnet.checks import ConfigError, Refused
from nnet.config import TrainConfig
from nnet.console import complain
from nnet.files import outside
from nnet.files.content import refuse_replaced

WITHIN = ("state_dict", "model")
"""Keys under which files hold a state dict among other things."""
WRAPPERS = ("module.", "_orig_mod.")
"""How DataParallel and torch.compile begin the name of every tensor."""
MOST_NAMED = 5
"""Tensors that do not fit in the message about them."""


def load(model: nn.Module, cfg: TrainConfig) -> None:
    """Give a new network the tensors of `cfg.initial_weights`.

    The file holds a state dict, alone or under `state_dict` or `model`; an architecture's function `published` may
    translate its names. Floating-point numbers of lower precision are widened. Mean and standard deviation of pixels
    keep the values of the dataset where the file lacks them. If the network is trained afterwards and the file was made
    for another number of classes, the last layer keeps its drawn weights, which is noted on stderr.

    Raises ConfigError, in one sentence, for a file that cannot be read or does not fit, and Refused if it was replaced
    since the configuration was made.
    """
    path = str(cfg.initial_weights)
    state = read(path, cfg.initial_weights_sha256)
    translated = getattr(registry.load("architectures", cfg.arch), "published", dict)(state)
    misfits = _misfits(model, translated)
    ends = {name for name in misfits if _only_classes(model, name, translated[name])}
    try:
        kept = {name: tensor for name, tensor in translated.items() if name not in misfits}
        keys = model.load_state_dict(kept, strict=False)  # PyTorch's layers translate their own former names
    except RuntimeError as error:
        raise ConfigError(f"{path} does not fit {cfg.arch}: {' '.join(str(error).split())}") from error
    optional = {*misfits, *standardize.names(model)}
    problems = [*misfits.values()]
    problems += [f"{name} is missing" for name in keys.missing_keys if name not in optional]
    problems += [f"{name} is unknown to the network" for name in keys.unexpected_keys]
    if not problems:
        return
    classes = f"it was made for {len(translated[min(ends)])} classes" if ends and len(ends) == len(problems) else ""
    if classes and cfg.epochs > 0:
        _note(f"{path}: {classes}; {', '.join(sorted(ends))} start from drawn weights")
        return
    named = "; ".join(problems[:MOST_NAMED])
    more = f"; and {len(problems) - MOST_NAMED} more" if len(problems) > MOST_NAMED else ""
    raise ConfigError(f"{path} does not fit {cfg.arch}: {named}{more}{classes and f'; {classes}'}")


def read(path: str, sha256: str | None) -> dict[str, torch.Tensor]:
    """The tensors of a file by name, on the CPU. Only tensors and plain data are unpickled.

    Raises ConfigError, in one sentence, if it holds no state dict, and Refused if its content is not that of `sha256`.
    """
    parse = _parser(path)
    with _refused(path), outside.opened(path) as file:  # opened once: the file that is hashed is the file that is read
        refuse_replaced(path, file, sha256)
        file.seek(0)
        content: Any = parse(file)
    for key in WITHIN:
        content = content[key] if isinstance(content, Mapping) and isinstance(content.get(key), Mapping) else content
    named = isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in content.items()
    )
    if not named or not content:
        raise ConfigError(f"{path} holds no state dict: no tensors by name, alone or under {' or '.join(WITHIN)}")
    return _unwrapped(content)


def _parser(path: str) -> Callable[[BinaryIO], object]:
    """What reads the open file of this name."""
    if not path.endswith(".safetensors"):
        return functools.partial(torch.load, map_location="cpu", weights_only=True)
    try:
        from safetensors import torch as safetensors
    except ImportError as error:
        raise ConfigError(f"reading {path} needs a package: pip install safetensors") from error
    return lambda file: safetensors.load(file.read())


@contextmanager
def _refused(path: str) -> Iterator[None]:
    """Raise ConfigError for whatever goes wrong while a file is read and parsed."""
    sentence = f"cannot read {path}: not a state dict, as torch.save(model.state_dict(), path) writes it"
    try:
        with outside.parsing(sentence, passed=(Refused,)):
            yield
    except outside.Unreadable as error:
        objects = isinstance(error.__cause__, pickle.UnpicklingError)
        raise ConfigError(f"{sentence} (it holds Python objects)" if objects else str(error)) from error


@functools.cache
def _note(text: str) -> None:
    """Said once per process: a pilot sets a run up several times."""
    complain(f"note: {text}")


def _unwrapped(state: Mapping) -> dict[str, torch.Tensor]:
    for wrapper in WRAPPERS:
        if all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): tensor for name, tensor in state.items()}
    return dict(state)


def _misfits(model: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, str]:
    """What is wrong with tensors that the network has too, by name."""
    wrong = {}
    for name, own in model.state_dict().items():
        tensor = state.get(name, own)
        if tensor.shape != own.shape:
            wrong[name] = f"{name} has the shape {tuple(tensor.shape)}, the network's {tuple(own.shape)}"
        elif tensor.dtype != own.dtype and not _widened(tensor.dtype, own.dtype):
            wrong[name] = f"{name} has the type {tensor.dtype}, the network's {own.dtype}"
    return wrong


def _widened(given: torch.dtype, own: torch.dtype) -> bool:
    """Whether every number of the one type is a number of the other."""
    return given.is_floating_point and own.is_floating_point and torch.promote_types(given, own) == own


def _only_classes(model: nn.Module, name: str, tensor: torch.Tensor) -> bool:
    """Whether a tensor belongs to the last layer, and differs from the network's only in the number of classes."""
    layers = [layer for layer, module in model.named_modules() if getattr(module, "weight", None) is not None]
    own = model.state_dict()[name]
    return name.rpartition(".")[0] == layers[-1] and tensor.dim() > 0 and tensor.shape[1:] == own.shape[1:]
