"""Accuracy with the weights in phase-change memory, from the first reading to a year later.

The device model, its numbers and its sources are in nnet/perturbations/pcm.py. Joshi et al. 2020 (Nature Communications
11, 2473); the times are those of Büchel, Faber and Muir 2022, "Network insensitivity to parameter noise via adversarial
regularization" (ICLR), figure 4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nnet.checks import between, check_fields, optional, positive, setting, several, switch, whole
from nnet.evaluations import base
from nnet.perturbations.pcm import FIRST_READ, PhaseChangeMemory
from nnet.perturbations.tensors import replaced, weight_tensors
from nnet.random import streams

STRENGTHS = "times"
DRAWS = "draws"
CARD = {"draws": 2}
FIGURE = {
    "axis": "time since the weights were programmed",
    "scale": "log",
    "ticks": {25: "25 s", 3600: "1 h", 86400: "1 d", 2592000: "30 d", 31536000: "1 y"},
}


@dataclass(frozen=True)
class Options:
    """Options of the memory. Raises ConfigError for a wrong value."""

    times: Sequence[float] = setting(
        (25.0, 3600.0, 86400.0, 2592000.0, 31536000.0), several(between(FIRST_READ, 1e10), "times in seconds")
    )
    """Seconds since programming, 25 to 10¹⁰. Default 25 s, 1 hour, 1 day, 30 days, 1 year."""
    draws: int = setting(25, whole(1))
    """Times that the network is programmed anew, at least 1. Default 25."""
    clip: float | None = setting(None, optional(positive))
    """Standard deviations of a weight tensor beyond which its weights are clipped before they are scaled to 25 µS, > 0,
    or None. The papers clip at 2 while they train; a network that is clipped afterwards only loses more by that than by
    the memory. Default None: no weight is clipped."""
    drift_compensation: bool = setting(True, switch)
    """Multiply each weight tensor, when it is read, by mean|W| as programmed over mean|W| as read. Default yes."""

    def __post_init__(self):
        check_fields(self)


class Evaluation(base.Evaluation):
    """The strength is the time in seconds since programming; a draw is one programming of all devices.

    The devices of a draw have the same programming errors, drift exponents and normal numbers of the read noise at
    every time. Biases and normalisation layers are digital and exact, and so are the inputs and outputs of layers.
    """

    def __init__(self, trained: base.Trained, options: Options):
        super().__init__(trained)
        self.weights = weight_tensors(trained.model)
        self.memory = PhaseChangeMemory(self.weights, options.clip, options.drift_compensation)

    def measure(self, points: Sequence[base.Point]) -> Iterator[list[dict]]:
        """One row per time and draw."""
        trained, drawn = self.trained, None
        for seconds, draw in points:
            if draw != drawn:
                self.memory.program(streams.normals(trained.seed, "evaluation/pcm", draw, trained.device))
                drawn = draw
            with replaced(self.weights, self.memory.read(seconds)):
                values = trained.measure(trained.model)
            yield [self.row(seconds, draw, values)]
