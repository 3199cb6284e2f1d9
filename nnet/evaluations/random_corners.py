"""Accuracy at random corners of the box that `worst_case` searches: the difference is the worth of an adversary."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnet.checks import check_fields, setting, strengths, switch, whole
from nnet.evaluations import base
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams

FIGURE = {"axis": "how far weights are moved, ζ (relative to each weight)", "scale": "symlog"}


@dataclass(frozen=True)
class Options:
    """Options of the corners. Raises ConfigError for a wrong value."""

    zetas: Sequence[float] = setting(base.ZETAS, strengths)
    """ζ, the change of every weight relative to its size, ≥ 0, including 0. Default 0 to 0.5."""
    corners: int = setting(5, whole(1))
    """Random corners of the box of each ζ, at least 1. Default 5."""
    test_attack_all: bool = setting(False, switch)
    """Also move biases and normalisation layers. Default no."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """A row per ζ: θ + ζ|θ|·s, with a random sign s = ±1 for each weight; corner k has the same s for every ζ."""

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.options = options

    def rows(self) -> list[dict]:
        """The rows in ascending order of ζ."""
        trained, zetas = self.trained, self.options.zetas
        box = WeightAttack(trained.model, 1.0, 1, 0.0, attack_all=self.options.test_attack_all)
        measured = {zeta: [] for zeta in zetas[1:]}
        for corner in range(self.options.corners):
            normals = streams.normals(trained.seed, "corners", corner, trained.device)
            signs = [normals.draw(parameter.shape).numbers().sign().to(parameter.dtype) for parameter in box.parameters]
            for zeta in zetas[1:]:
                with box.applied(signs, zeta):
                    measured[zeta].append(trained.measure(trained.model))
        return [self.row(0.0, [trained.clean]), *(self.row(zeta, figures) for zeta, figures in measured.items())]
