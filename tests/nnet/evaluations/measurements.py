"""What an evaluation measures on a network, and the same by plain means."""

import copy
import functools

import torch
from torch import nn
from torch.nn import functional

from nnet import registry
from nnet.evaluations import base
from nnet.random.normals import Normals
from nnet.random.streams import seed_of
from nnet_models import evaluate

ZETAS = [0, 0.05, 0.2, 0.5]


def trained_of(network, batch: int = 128) -> base.Trained:
    model, x, y = network
    batches = list(zip(x.split(batch), y.split(batch), strict=True))
    return base.Trained(model, batches, functools.partial(evaluate, batches=batches), seed=3, precision="fp32")


def rows_of(network, name: str, batch: int = 128, **options) -> list[dict]:
    made = registry.make_options("evaluations", name, options)
    rows, _ = base.measure_all(trained_of(network, batch), {name: made})
    assert all(row.pop("evaluation") == name for row in rows)
    return rows


def weights_of(model) -> list[nn.Parameter]:
    return [parameter for name, parameter in model.named_parameters() if name.endswith("weight")]


def numbers(purpose: str, index: int, model) -> list[torch.Tensor]:
    stream = Normals(seed_of(3, purpose, index))
    return [stream.draw(weight.shape).numbers() for weight in weights_of(model)]


def measured_at(network, moved: list[torch.Tensor]) -> tuple[float, float]:
    """Accuracy and loss of a copy of the network with these weights, on all images at once."""
    model, x, y = copy.deepcopy(network[0]), *network[1:]
    with torch.no_grad():
        for weight, value in zip(weights_of(model), moved, strict=True):
            weight.copy_(value)
        logits = model(x)
        return (logits.argmax(1) == y).double().mean().item(), functional.cross_entropy(logits, y).item()
