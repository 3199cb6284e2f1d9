"""Accuracy at random corners of the box in which `worst_case` seeks: what an adversary is worth beyond chance."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnet import checks
from nnet.evaluations import base
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams

FIGURE = {"axis": "how far weights are moved, ζ (relative to each weight)", "scale": "symlog"}


@dataclass(frozen=True)
class Options:
    """What can be chosen of the corners. Raises ValueError for a wrong value."""

    zetas: Sequence[float] = base.ZETAS
    """ζ, how far every weight is moved, relative to its size; 0 is among them. Default 0 to 0.5."""
    corners: int = 5
    """Corners of each box, at least 1. Default 5."""
    test_attack_all: bool = False
    """Move biases and normalisation too. Default no."""

    def __post_init__(self):
        checks.strengths("zetas", self.zetas)
        checks.whole_number("corners", self.corners, smallest=1)
        checks.switch("test_attack_all", self.test_attack_all)


class Evaluation(base.Evaluation):
    """A row per ζ: θ + ζ|θ|·s, with s = ±1 by chance for each weight; corner k has the same s for every ζ."""

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.options = options

    def rows(self) -> list[dict]:
        """The rows in ascending order of ζ."""
        trained, zetas = self.trained, checks.strengths("zetas", self.options.zetas)
        box = WeightAttack(trained.model, 1.0, 1, 0.0, attack_all=self.options.test_attack_all)
        measured = {zeta: [] for zeta in zetas[1:]}
        for corner in range(self.options.corners):
            normals = streams.normals(trained.seed, "corners", corner, trained.device)
            signs = [normals.draw(parameter.shape).numbers().sign().to(parameter.dtype) for parameter in box.parameters]
            for zeta in zetas[1:]:
                with box.applied(signs, zeta):
                    measured[zeta].append(trained.measure(trained.model))
        return [self.row(0.0, [trained.clean]), *(self.row(zeta, figures) for zeta, figures in measured.items())]

    def passes(self) -> tuple[int, int]:
        """One pass per corner and ζ above 0."""
        return self.options.corners * (len(self.options.zetas) - 1), 0
