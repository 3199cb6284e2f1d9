"""Measure a network that was trained elsewhere as a campaign measures its own."""

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nnet.checks import ConfigError
from nnet.config import TrainConfig, default_data_dir
from nnet.data.given import Data, Given, given_images
from nnet.evaluations.base import Trained
from nnet.evaluations.parts import measuring, points
from nnet.evaluations.parts.accuracy import evaluate
from nnet.perturbations.tensors import check_noised

if TYPE_CHECKING:
    import pandas as pd

MOST_CHARACTERS = 200
"""Of what a network says about images that it does not take."""


def evaluate_model(
    model: nn.Module,
    data: Data,
    evaluations: Sequence[str] = (),
    *,
    alpha_tests: Sequence[float] = TrainConfig.alpha_tests,
    noise_samples: int = TrainConfig.noise_samples,
    noise_model: str = TrainConfig.noise_model,
    options: dict[str, dict] | None = None,
    seed: int = 0,
    max_test_samples: int | None = None,
    precision: str = "fp32",
    batch_size: int = 128,
    image_size: int | None = None,
    channels: int = 1,
    not_noised: Sequence[str] = (),
    data_dir: str | None = None,
) -> "pd.DataFrame":
    """The accuracy and loss of any network under weight noise and further `evaluations`: the rows of sweep.csv.

    `model` has float32 weights, maps float32 inputs to logits B×classes, and ends as it was, bit for bit. `data`:
    images (uint8, or float32 in [0, 1], N×C×H×W) or sequences (float32 N×T×C) and labels (integers N from 0 up), two
    tensors or arrays; the path of an .npz file with x_test and y_test; or a dataset's name, both resized to
    `image_size` pixels. Images of one channel are repeated to `channels`. `not_noised`: patterns of names of tensors
    that noise spares on purpose. Other settings: see `TrainConfig`; random numbers are those of a run of this `seed`.
    `attrs` of the table has `columns` of evaluations, and the tensors that noise spared. Raises ConfigError.
    """
    import pandas as pd  # here: a worker makes no tables

    settings: dict[str, Any] = dict(evaluations=evaluations, alpha_tests=alpha_tests, noise_samples=noise_samples)
    settings |= dict(noise_model=noise_model, options=options or {}, seed=seed, max_test_samples=max_test_samples)
    settings |= dict(sweep_precision=precision, image_size=image_size, data_dir=data_dir or default_data_dir())
    cfg = TrainConfig(**settings)
    spared, wants = _spared(model, not_noised), measuring.checked(cfg, model)
    images, labels = given_images(data, cfg.image_size, cfg.data_dir, cfg.max_test_samples)
    batches = Given(images, labels, batch_size, channels, next(model.parameters()).device)
    with _as_it_was(model):
        _try(model, batches, int(labels.max()))
        measure = functools.partial(evaluate, batches=batches, precision=precision)
        measurements = measuring.measured(Trained(model, batches, measure, cfg.seed, precision), wants, "")
    table = pd.DataFrame(points.table_rows({"measurements": measurements}))
    columns = {name: value for measurement in measurements for name, value in measurement["columns"].items()}
    table.attrs = {"columns": columns, "not_noised": spared}
    return table


def _spared(model: nn.Module, not_noised: Sequence[str]) -> list[str]:
    """The names of the tensors that noise spares. Raises ConfigError for what is no network, or none to be noised."""
    if not isinstance(model, nn.Module):
        raise ConfigError(f"model must be a torch.nn.Module; got {type(model).__name__}")
    spared = check_noised(model, tuple(not_noised))
    types = sorted({str(parameter.dtype) for parameter in model.parameters()} - {"torch.float32"})
    if types:
        raise ConfigError(f"the model must have float32 weights, as model.float() gives; it has {', '.join(types)}")
    return spared


def _try(model: nn.Module, batches: Given, largest: int) -> None:
    """Raise ConfigError if the network does not take the images, or has too few classes for the largest label."""
    images = batches[0][0][:2]
    try:
        with torch.no_grad():
            logits = model(images)
    except Exception as error:  # whatever the user's network raises
        reason = " ".join(str(error).split())[:MOST_CHARACTERS]
        hint = "; channels=3 repeats their one channel" if images.dim() == 4 and images.shape[1] == 1 else ""
        raise ConfigError(
            f"the model does not take inputs of shape {tuple(images.shape[1:])} ({reason}){hint}"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.dim() != 2 or len(logits) != len(images):
        given = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ConfigError(f"the model must return logits of shape {len(images)}×classes; it returns {given}")
    if largest >= logits.shape[1]:
        raise ConfigError(f"the model has {logits.shape[1]} classes, but the data have the label {largest}")


@contextmanager
def _as_it_was(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, with gradients of all parameters; afterwards the modes, flags and buffers of before."""
    modes = [(module, module.training) for module in model.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        model.eval().requires_grad_(True)
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
        for buffer, before in buffers:
            buffer.copy_(before)
