"""What an evaluation measures on a network, and the same by plain means."""

import copy
import functools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from nnet.evaluations import base
from nnet.evaluations.parts import measuring, points
from nnet.random.normals import Normals
from nnet.random.streams import seed_of
from nnet_models import evaluate

ZETAS = [0, 0.05, 0.2, 0.5]
ASKED = {
    **{"alpha_tests": (0,), "noise_samples": 1, "noise_model": "tensor_std", "evaluations": ()},
    **{"max_test_samples": None, "corrupt_test": False, "sweep_precision": "fp32"},
}


def trained_of(network, batch: int = 128, measure: Callable | None = None, seed: int = 3) -> base.Trained:
    model, x, y = network
    batches = list(zip(x.split(batch), y.split(batch), strict=True))
    measure = measure or functools.partial(evaluate, batches=batches)
    return base.Trained(model, batches, measure, seed=seed, precision="fp32")


def asked_of(name: str, options: dict) -> dict:
    """The measuring fields that ask for one evaluation with these options or fields."""
    fields = {field: value for field, value in options.items() if field in ASKED}
    own = {option: value for option, value in options.items() if option not in ASKED}
    return ASKED | {"evaluations": (name,), "options": {name: own}} | fields


def measured_of(trained: base.Trained, name: str, known: list[dict] = (), **options) -> dict:
    """A run file with the measurements of weight noise and of one evaluation."""
    asked = asked_of(name, options)
    wants = points.asked_for(asked)
    return {"asked": asked, "measurements": measuring.measured(trained, wants, "images", known)}


def rows_of(network, name: str, batch: int = 128, **options) -> list[dict]:
    run = measured_of(trained_of(network, batch), name, **options)
    rows = [row for row in points.table_rows(run) if row.pop("evaluation") == name]
    assert len({row.pop("settings") for row in rows}) == 1
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
