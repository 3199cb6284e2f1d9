"""Accuracy at random corners of the box that `worst_case` searches: the difference is the worth of an adversary."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnet.checks import check_fields, setting, strengths, switch, whole
from nnet.evaluations import base
from nnet.perturbations.weight_attack import WeightAttack
from nnet.random import streams

STRENGTHS = "zetas"
DRAWS = "corners"
CARD = {"zetas": (0.0, 0.01, 0.1, 0.3), "corners": 2}
FIGURE = {"axis": "how far weights are moved, ζ (relative to each weight)", "scale": "symlog"}


@dataclass(frozen=True)
class Options:
    """Options of the corners. Raises ConfigError for a wrong value."""

    zetas: Sequence[float] = setting((0.0, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5), strengths)
    """ζ, the change of every weight relative to its size, ≥ 0, including 0. Default 0 to 0.5."""
    corners: int = setting(5, whole(1))
    """Random corners of the box of each ζ, at least 1. Default 5."""
    test_attack_all: bool = setting(False, switch)
    """Also move biases and normalisation layers. Default no."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is ζ: θ + ζ|θ|·s, with a random sign s = ±1 for each weight; corner k has the same s for every ζ."""

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained, options)
        self.box = WeightAttack(trained.model, 1.0, 1, 0.0, attack_all=options.test_attack_all)

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """One row per ζ and corner."""
        trained, drawn = self.trained, None
        for zeta, corner in points:
            if zeta == 0:
                yield [self.row(zeta, corner, trained.clean)]
                continue
            if corner != drawn:
                normals = streams.normals(trained.seed, "evaluation/random_corners", corner, trained.device)
                parameters, drawn = self.box.parameters, corner
                signs = [normals.draw(parameter.shape).numbers().sign().to(parameter.dtype) for parameter in parameters]
            with self.box.applied(signs, zeta):
                values = trained.measure(trained.model)
            yield [self.row(zeta, corner, values)]
