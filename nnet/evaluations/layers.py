"""Accuracy with weight noise on one layer at a time, the other weights exact: which layer is fragile?

Zhang, Bengio and Singer 2022, "Are all layers created equal?" (JMLR 23), perturb one layer at a time too; they set it
back to its initial weights or to random ones. Here it receives the noise of the evaluation `weight_noise`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnet.checks import check_fields, number, one_of, setting, several, whole
from nnet.config import NOISE_MODELS
from nnet.evaluations import base
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams

STRENGTHS = "alphas"
DRAWS = "draws"
FROM_CONFIG = ("noise_model",)
CARD = {"alphas": (0.0, 0.5), "draws": 1}
FIGURE = {"axis": "weight noise on one layer, α (relative to its weights)"}


@dataclass(frozen=True)
class Options:
    """Options of the noise. Raises ConfigError for a wrong value."""

    alphas: Sequence[float] = setting((0.0, 0.1, 0.2, 0.5), several(number, "strengths"))
    """α, the strength of the noise relative to the weights of the layer, ≥ 0. Default 0, 0.1, 0.2, 0.5."""
    draws: int = setting(3, whole(1))
    """Samples of the noise for each α, at least 1. Default 3."""
    noise_model: str = setting("tensor_std", one_of(NOISE_MODELS))
    """What α is relative to. tensor_std: the standard deviation of the layer's weights. magnitude: each weight. range:
    the largest magnitude of the layer's weights. Default: that of the run."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """A point per α and draw, with a row per layer, which is the row's `part`.

    A layer is a weight tensor; it is named after its module, or after the parameter where that is not `weight`.
    Draw k of a layer is the same for every α, and the noise of all layers comes from one stream.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.noise = WeightNoise(trained.model, options.noise_model)
        names = {id(parameter): name for name, parameter in trained.model.named_parameters()}
        self.layers = [names[id(weight)].removesuffix(".weight") for weight in self.noise.weights]

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """The rows of all layers at one point after another."""
        for alpha, draw in points:
            if alpha == 0:
                yield [self.row(alpha, draw, self.trained.clean, part=layer) for layer in self.layers]
            else:
                self.noise.draw(streams.normals(self.trained.seed, "evaluation/layers", draw, self.trained.device))
                yield [self._row(alpha, draw, index) for index in range(len(self.layers))]

    def _row(self, alpha: float, draw: int, index: int) -> dict:
        with self.noise.applied(alpha, only=index):
            return self.row(alpha, draw, self.trained.measure(self.trained.model), part=self.layers[index])
