"""Accuracy with noise on the weights, over strengths and draws: measured for every run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnet.checks import check_fields, one_of, setting
from nnet.config import NOISE_MODELS
from nnet.evaluations import base
from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams

STRENGTHS = "alpha_tests"
DRAWS = "noise_samples"
FROM_CONFIG = ("noise_model",)


@dataclass(frozen=True)
class Options:
    """Options of weight noise beside `alpha_tests` and `noise_samples`. Raises ConfigError for a wrong value."""

    noise_model: str = setting("tensor_std", one_of(NOISE_MODELS))
    """What α is relative to: tensor_std (the standard deviation of the weight tensor), magnitude (each weight's own
    size) or range (the largest size in the weight tensor). Default: the noise_model of the run."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is α_test: the network at W + ε, where draw k has the same standard normal numbers for every α.

    They come from the stream (seed, `sweep`, k).
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained, options)
        self.noise = WeightNoise(trained.model, options.noise_model)

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """One row per point."""
        trained, drawn = self.trained, None
        for alpha, draw in points:
            if alpha == 0:
                yield [self.row(alpha, draw, trained.clean)]
                continue
            if draw != drawn:
                self.noise.draw(streams.normals(trained.seed, "sweep", draw, trained.device))
                drawn = draw
            with self.noise.applied(alpha):
                values = trained.measure(trained.model)
            yield [self.row(alpha, draw, values)]
