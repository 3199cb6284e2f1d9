"""The interface of evaluations: what they receive and yield."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nnet.data.batches import Batch
from nnet.evaluations.parts.wanted import Point
from nnet.training import precision

__all__ = ["Evaluation", "Point", "Trained"]


@dataclass(frozen=True)
class Trained:
    """A trained network and the test images."""

    model: nn.Module
    batches: Sequence[Batch]
    """The test images (float32 B×C×H×W in [0, 1]) and their labels (int64 B)."""
    measure: Callable[[nn.Module], tuple[float, float]]
    """Accuracy and mean cross-entropy on all of them, at the network's current weights."""
    seed: int
    precision: str
    known: tuple[float, float] | None = None
    """Accuracy and loss at the unperturbed weights, if they were measured before."""
    plug_ins: Sequence[tuple[str, str]] = ()
    """Kind and name of those that the network is made of."""

    @functools.cached_property
    def clean(self) -> tuple[float, float]:
        """Accuracy and loss at the unperturbed weights, measured at most once."""
        return self.known or self.measure(self.model)

    @property
    def device(self) -> torch.device:
        """The device of the network."""
        return next(self.model.parameters()).device

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """The logits of these images, B×classes."""
        return precision.logits(self.model, images, self.precision)


class Evaluation:
    """One way to measure a trained network, which is in evaluation mode and must end with the same bits.

    An evaluation with settings of its own defines a dataclass `Options` in its file and receives it as `options`: its
    settings, strengths and number of draws. The literals that say which points it has are in `parts.wanted`.
    """

    def __init__(self, trained: Trained, options: Any = None):
        self.trained, self.options = trained, options

    @classmethod
    def check(cls, model: nn.Module) -> None:
        """Raise ConfigError, in one sentence, for a network that this evaluation cannot measure.

        Called before anything is trained; the network, on which nothing is measured yet, must stay as it is.
        """

    def measure(self, points: Sequence[Point]) -> Iterator[list[dict]]:
        """Yield the rows of one point after another, those of a point together, each row made by `row`.

        `points`: any of (strength, draw), ordered by draw, then strength; strength 0 has draw 0 only. Draw k must
        depend neither on the other strengths nor on the other draws.
        """
        raise NotImplementedError

    def row(self, strength: float, draw: int, accuracy_and_loss: tuple[float, float], **more: object) -> dict:
        """The row of one strength and draw. A number that is not finite becomes None, except an accuracy.

        `more`: further columns of numbers, and `part`, the name of the part of the network that is perturbed.
        """
        accuracy, loss = accuracy_and_loss
        row = {"strength": float(strength), "draw": draw, "acc": accuracy, "loss": loss, **more}
        return {
            name: None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }

    def columns(self, rows: list[dict]) -> dict:
        """The columns that the rows of all points add to the row of a run: JSON-able values by name."""
        return {}
