"""How far runs are, and how fast they go compared with the plan: for the progress line and `--status`."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from campaign.planning.work import Answers, Requests

SURE = 0.02
"""What a run under way has done counts for the pace from this share of its planned time on."""


class Far(NamedTuple):
    """How far one run is, or many are: epochs trained, of all, and points measured, of all."""

    epochs: int
    all_epochs: int
    points: int
    all_points: int

    def __str__(self) -> str:
        return f"{self.epochs}/{self.all_epochs} epochs, {self.points}/{self.all_points} points"


def far(answers: Answers, requests: Requests, known: Mapping | None, beat: Mapping | None = None) -> Far:
    """How far a run is; `known`: what its run file has, `beat`: what it has said since, as `Store.beat`."""
    epochs = requests[0].epochs
    every = sum(answers.points_left(requests, None).values())
    left = sum(answers.points_left(requests, known).values())
    beat = beat or {"epochs": 0, "points": 0}
    trained = epochs if known is not None else min(epochs, beat["epochs"])
    return Far(trained, epochs, every - left + min(left, beat["points"]), every)


def total(runs: Iterable[Far]) -> Far:
    """How far all of these runs are."""
    return Far(*map(sum, zip(Far(0, 0, 0, 0), *runs, strict=True)))


class Planned(NamedTuple):
    """Planned seconds of what is left of one run, and the epochs and points that these are."""

    training_s: float
    measuring_s: float
    """With the setting up."""
    epochs: int
    points: int

    @classmethod
    def of(cls, parts: tuple[float, float], far: Far) -> "Planned":
        """From the seconds of training and of the rest, and how far the run was when they were planned."""
        return cls(*parts, far.all_epochs, far.all_points - far.points)

    @property
    def seconds(self) -> float:
        """Of all of it."""
        return self.training_s + self.measuring_s

    def done_s(self, beat: Mapping) -> float:
        """The planned seconds of what is done."""
        return self._training(beat["epochs"]) + self._measuring(beat["points"])

    def lately(self, beat: Mapping) -> tuple[float, float]:
        """The planned seconds of what was done since the run was last begun, and those that it took; 0 if too few."""
        if "seconds" not in beat:
            return 0.0, 0.0
        new, measures = beat["new"], beat["points"] > 0
        planned = self._measuring(new) if measures else self._training(new)
        return (planned, beat["seconds"]) if planned > SURE * self.seconds else (0.0, 0.0)

    def _training(self, epochs: int) -> float:
        return self.training_s * min(1.0, epochs / self.epochs) if self.epochs else 0.0

    def _measuring(self, points: int) -> float:
        return self.measuring_s * min(1.0, points / self.points) if self.points else 0.0


def pace(pairs: Iterable[tuple[float, float]]) -> float:
    """How many times as long as planned work took, from (planned, taken) seconds of each; 1 before any is known."""
    known = [(planned, taken) for planned, taken in pairs if planned > 0]
    return sum(taken for _, taken in known) / sum(planned for planned, _ in known) if known else 1.0
