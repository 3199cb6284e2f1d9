"""What an evaluation is given, its hooks, and how those that a run asks for are done."""

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
"""Half the edges of the boxes θ ± ζ|θ| in which weights are sought, of Büchel, Faber and Muir 2022 (ICLR)."""


@dataclass(frozen=True)
class Trained:
    """A trained network and what it is measured on."""

    model: nn.Module
    batches: Sequence[Batch]
    """All test images (float32 B×C×H×W in [0, 1]) and their labels (int64 B)."""
    measure: Callable[[nn.Module], tuple[float, float]]
    """Accuracy and mean cross-entropy on all of them, of the network as it is when it is called."""
    seed: int
    precision: str

    @functools.cached_property
    def clean(self) -> tuple[float, float]:
        """Accuracy and loss at the weights themselves; a drop is measured from this accuracy."""
        return self.measure(self.model)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """What the network says of these images, B×classes."""
        return precision.logits(self.model, images, self.precision)


class Evaluation:
    """One way to measure a trained network. The network is in evaluation mode, and ends with the same bits.

    An evaluation with settings of its own defines a dataclass `Options` in its file and takes it as `options`. Names of
    options are shared with regimes and architectures: an option goes to each that has it.
    """

    def __init__(self, trained: Trained):
        self.trained = trained

    def rows(self) -> list[dict]:
        """One row per strength, as `row` makes them."""
        raise NotImplementedError

    def columns(self, rows: list[dict]) -> dict:
        """What its `rows` add to the row of a finished run: JSON-able values by column name."""
        return {}

    def row(self, strength: float, figures: Sequence[tuple[float, float]]) -> dict:
        """The row of one strength from its (accuracy, loss), one pair per draw: see `parts.sweep.row_of`."""
        return row_of(strength, figures, self.trained.clean[0])


def options_of(cfg: TrainConfig) -> dict[str, dict]:
    """The options of each evaluation that a run asks for, by its name. Raises ConfigError for a wrong value."""
    return {name: registry.make_options("evaluations", name, cfg.options) for name in cfg.evaluations}


def evaluated(trained: Trained, options: dict[str, dict]) -> tuple[list[dict], dict]:
    """The rows of all evaluations in `options`, each with the name of its `evaluation`, and their columns."""
    rows, columns = [], {}
    trained.model.eval()
    for name, evaluation in _made(trained, options).items():
        found = evaluation.rows()
        columns |= evaluation.columns(found)
        rows += [{"evaluation": name} | row for row in found]
    return rows, columns


def _made(trained: Trained, options: dict[str, dict]) -> dict[str, Evaluation]:
    return {name: registry.load("evaluations", name).Evaluation(trained, **own) for name, own in options.items()}
