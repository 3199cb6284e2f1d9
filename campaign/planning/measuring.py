"""What a launch is asked beyond missing points: to train nothing, or to do an evaluation again."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from nnet.checks import ConfigError, unknown
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.evaluations.parts.points import Wanted


@dataclass(frozen=True)
class Measuring:
    """What one launch measures."""

    only: bool = False
    """Whether it trains nothing."""
    again: str | None = None
    """The evaluation that it does again, where a run has been measured by it."""
    before: dict[str, list[dict]] = field(default_factory=dict)
    """By run_id: the measurements of `again` that the launch found. They are done again while a run file has them."""

    def check(self, configs: Iterable[TrainConfig]) -> None:
        """Raise ConfigError if these runs do not ask for the evaluation, or if one asks for it in two ways."""
        if self.again is None:
            return
        asked: dict[str, list] = {}
        names: dict[str, None] = {}
        for config in configs:
            for want in points.wanted(config):
                names[want.evaluation] = None
                if want.evaluation == self.again:
                    key = json.dumps([config.run_id, want.settings], sort_keys=True)
                    if asked.setdefault(key, want.points()) != want.points():
                        raise ConfigError(
                            f"--remeasure takes one list of strengths and one number of draws; {config.run_id} has "
                            f"several for {self.again}"
                        )
        if self.again not in names:
            raise unknown("evaluation of these runs", self.again, names)

    def view(self, requests: Iterable[TrainConfig], run: dict | None) -> dict | None:
        """What counts as known of a run: its run file without the points that are to be measured again."""
        if run is None or self.again is None:
            return run
        wants = [want for request in requests for want in points.wanted(request) if want.evaluation == self.again]
        without = [_without(measurement, wants) for measurement in run["measurements"]]
        found = [old for old, new in zip(run["measurements"], without, strict=True) if new is not old]
        if self.before.setdefault(run["run_id"], found) != found:
            return run  # measured again since the launch began
        return run | {"measurements": [measurement for measurement in without if measurement["points"]]}


def _without(measurement: dict, wants: Iterable[Wanted]) -> dict:
    """The measurement without the wanted points; the same object if it has none of them."""
    had = {point for want in wants for point in {*want.points()} - {*points.missing(want, [measurement])}}
    rest = [
        point
        for point in measurement["points"]
        if (point["strength"], point["draw"]) not in had and (None, point["draw"]) not in had
    ]
    return measurement | {"points": rest, "columns": {}} if had else measurement
