"""A network of two linear layers with 35 weights, and the same by NumPy."""

import functools

import numpy as np
import torch
from scipy import special
from torch import nn

from nnet import registry
from nnet.evaluations import base
from nnet_models import evaluate

SEED = 3
RANDOM = np.random.default_rng(0)
FIRST, SECOND = RANDOM.normal(size=(5, 4)).astype(np.float32), RANDOM.normal(size=(3, 5)).astype(np.float32)
BIAS = np.array([0.1, -0.2, 0.3, 0.0, 0.2], np.float32)
IMAGES = RANDOM.normal(size=(60, 4)).astype(np.float32)


def logits(first: np.ndarray = FIRST, second: np.ndarray = SECOND) -> np.ndarray:
    """Of the images, float32 60×3."""
    return np.maximum(IMAGES @ first.T + BIAS, 0) @ second.T


LABELS = np.where(np.arange(60) % 6 < 5, logits().argmax(1), 0)


def figures(first: np.ndarray = FIRST, second: np.ndarray = SECOND) -> tuple[float, float]:
    """Accuracy and loss of the network with these weights; an image with a NaN among its logits is wrong."""
    with np.errstate(all="ignore"):
        outputs = logits(first, second).astype(float)
        correct = (outputs.argmax(1) == LABELS) & ~np.isnan(outputs).any(1)
        losses = special.logsumexp(outputs, axis=1) - outputs[np.arange(60), LABELS]
    return float(correct.mean()), float(losses.mean())


def network(first: np.ndarray = FIRST, second: np.ndarray = SECOND) -> nn.Sequential:
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3, bias=False))
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), (first, BIAS, second), strict=True):
            parameter.copy_(torch.from_numpy(values))
    return model.eval()


def measured(name: str, points: list[tuple[float, int]], model: nn.Module | None = None, **options) -> list[list[dict]]:
    """What an evaluation yields at these points; it must leave the weights as they were whenever it yields."""
    model = network() if model is None else model
    before = [parameter.detach().clone() for parameter in model.parameters()]
    batches = [(torch.from_numpy(IMAGES[i : i + 32]), torch.from_numpy(LABELS[i : i + 32])) for i in (0, 32)]
    trained = base.Trained(model, batches, functools.partial(evaluate, batches=batches), seed=SEED, precision="fp32")
    yielded = []
    for rows in (
        registry.load("evaluations", name)
        .Evaluation(trained, **registry.make_options("evaluations", name, options))
        .measure(points)
    ):
        for parameter, old in zip(model.parameters(), before, strict=True):
            assert torch.equal(parameter.view(torch.int32), old.view(torch.int32))
        yielded.append(rows)
    return yielded
