"""The interface of evaluations: what they receive, their hooks, and how a run performs them."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from nnet import registry
from nnet.config import TrainConfig
from nnet.data.batches import Batch
from nnet.evaluations.parts.sweep import row_of
from nnet.training import precision

ZETAS = (0.0, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5)
"""ζ of the boxes θ ± ζ|θ| that adversaries search, from Büchel, Faber and Muir 2022 (ICLR)."""


@dataclass(frozen=True)
class Trained:
    """A trained network and the test images."""

    model: nn.Module
    batches: Sequence[Batch]
    """All test images (float32 B×C×H×W in [0, 1]) and their labels (int64 B)."""
    measure: Callable[[nn.Module], tuple[float, float]]
    """Accuracy and mean cross-entropy on all of them, at the network's current weights."""
    seed: int
    precision: str

    @functools.cached_property
    def clean(self) -> tuple[float, float]:
        """Accuracy and loss at the unperturbed weights; drops are relative to this accuracy."""
        return self.measure(self.model)

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.model.parameters()).device

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """The logits of these images, B×classes."""
        return precision.logits(self.model, images, self.precision)


class Evaluation:
    """One way to measure a trained network, which is in evaluation mode and must end with the same bits.

    An evaluation with settings of its own defines a dataclass `Options` in its file and receives it as `options`. Names
    of options are shared with regimes and architectures: each owner of the name receives the option.
    """

    def __init__(self, trained: Trained):
        self.trained = trained

    def rows(self) -> list[dict]:
        """One row per strength, made by `row`."""
        raise NotImplementedError

    def columns(self, rows: list[dict]) -> dict:
        """The columns that `rows` add to the row of a finished run: JSON-able values by name."""
        return {}

    def row(self, strength: float, figures: Sequence[tuple[float, float]]) -> dict:
        """The row of one strength from its (accuracy, loss), one pair per draw: see `parts.sweep.row_of`."""
        return row_of(strength, figures, self.trained.clean[0])


def options_of(cfg: TrainConfig) -> dict[str, dict]:
    """The options of each evaluation of a run, by its name. Raises ConfigError for a wrong value."""
    return {name: registry.make_options("evaluations", name, cfg.options_of(name)) for name in cfg.evaluations}


def measure_all(trained: Trained, options: dict[str, dict]) -> tuple[list[dict], dict]:
    """The rows of all evaluations in `options`, each with the name of its `evaluation`, and their columns."""
    all_rows, columns = [], {}
    trained.model.eval()
    for name, arguments in options.items():
        evaluation = registry.load("evaluations", name).Evaluation(trained, **arguments)
        rows = evaluation.rows()
        columns |= evaluation.columns(rows)
        all_rows += [{"evaluation": name} | row for row in rows]
    return all_rows, columns
