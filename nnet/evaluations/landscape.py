"""The loss along straight lines through the weights, and its slope.

Büchel, Faber and Muir 2022 (ICLR), table S1; the slope uses the true distance between the points.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from nnet.checks import check_fields, positive, setting, whole
from nnet.evaluations import base
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams

DRAWS = "directions"
CARD = {"directions": 1, "points": 21}
FIGURE = {
    "axis": "place a along random directions d: θ + a·d",
    "quantity": "loss",
    "style": "band",
    "label_column": "landscape_slope",
}
COLUMNS = {"landscape_slope": "mean absolute slope of the loss along the lines, with the settings last asked for"}
REACH = 2.0
WINDOW = 5
"""Points of the moving average from which the slope is computed."""


@dataclass(frozen=True)
class Options:
    """Options of the lines. Raises ConfigError for a wrong value."""

    directions: int = setting(5, whole(1))
    """Lines, each in a random direction of its own, at least 1. Default 5."""
    direction_size: float = setting(0.2, positive)
    """Standard deviation of the direction's components, relative to the weights, > 0. Default 0.2."""
    points: int = setting(50, whole(WINDOW + 1))
    """Points on each line, evenly spaced from −2 to 2, at least 6. Default 50."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is the place a on a line: θ + a·d, with a random direction d of its own for each draw.

    d = `direction_size`·|θ|·N(0, 1). The column `landscape_slope` is the mean slope of the loss, whose values are means
    over the directions.
    """

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """The rows of one direction after another, from −2 to 2."""
        trained, options = self.trained, self.options
        line = WeightAttack(trained.model, 1.0, 1, 0.0)
        places = torch.linspace(-REACH, REACH, options.points, dtype=torch.float64).tolist()
        for _, number in points:
            normals = streams.normals(trained.seed, "evaluation/landscape", number, trained.device)
            direction = [normals.draw(parameter.shape).numbers().to(parameter.dtype) for parameter in line.parameters]
            rows = []
            for place in places:
                with line.applied(direction, place * options.direction_size):
                    rows.append(self.row(place, number, trained.measure(trained.model)))
            yield rows

    def columns(self, rows: list[dict]) -> dict:
        """The slope; None if a loss is not finite."""
        losses = defaultdict(list)
        for row in rows:
            losses[row["strength"]].append(row["loss"])
        distance = 2 * REACH / (len(losses) - 1)
        finite = all(None not in values for values in losses.values())
        return {
            "landscape_slope": slope([fmean(losses[place]) for place in sorted(losses)], distance) if finite else None
        }


def slope(losses: list[float], distance: float) -> float:
    """Mean absolute slope of the moving average over `WINDOW` points; `distance`: between neighbours."""
    smooth = [fmean(losses[start : start + WINDOW]) for start in range(len(losses) - WINDOW + 1)]
    return fmean(abs(after - before) for before, after in zip(smooth, smooth[1:], strict=False)) / distance
