"""What is left to do of each run: to train the network, or to measure it at points that its run file lacks."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from campaign.store.folder import Store
from campaign.store.index import Outline
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.evaluations.parts import points
from nnet.evaluations.parts.points import Wanted
from nnet.record.form import lacks_record

Requests = list[TrainConfig]
"""What is asked of one network: configurations of one run_id that differ in what they measure, in their order."""


def requests_of(configs: Iterable[TrainConfig]) -> dict[str, Requests]:
    """The requests by run_id; of equal configurations the first."""
    found: dict[str, Requests] = {}
    for config in configs:
        requests = found.setdefault(config.run_id, [])
        if all(other.asked != config.asked for other in requests):
            requests.append(config)
    return found


def checked(store: Store, config: TrainConfig, outline: Outline | None) -> Outline | None:
    """The outline of the run's file. Raises ConfigError if the file of this name holds another configuration."""
    if outline is not None and outline["config_sha256"] != config.training_sha256:
        in_full(store, config)  # equal values may be written in several ways
    return outline


def in_full(store: Store, config: TrainConfig) -> dict | None:
    """The content of the run's file, None before it has one. Raises ConfigError as `checked`."""
    run = store.result(config.run_id)
    if run is None:
        return None
    training = config.training()
    if run["config"] != training:
        names = sorted(name for name in {*run["config"], *training} if run["config"].get(name) != training.get(name))
        raise ConfigError(
            f"{store.folder / 'runs' / config.run_id}.json holds another run of this name ({', '.join(names)} differ): "
            "move it away, or choose another --output-dir"
        )
    return run


class Answers:
    """Tells which requests are answered; computed once for all runs with equal requests and equal results so far."""

    def __init__(self):
        self._found: dict[tuple, Any] = {}

    def left(self, requests: Requests, run: Mapping | None) -> Requests:
        """The requests that a run does not answer. A diverged run answers all: there is nothing to measure.

        `run`: its outline, the content of its file, or None.
        """
        if run is None:
            return requests
        return [request for request in requests if self._once(_lacks, [request], run)]

    def points_left(self, requests: Requests, run: Mapping | None) -> dict[str, int]:
        """How many points of each evaluation are to be computed; a point that several requests have counts once."""
        return self._once(_points_left, requests, run)

    def is_last_asked(self, request: TrainConfig, run: Mapping) -> bool:
        """Whether a run file says that this is how its network was last measured."""
        return self._once(_is_last_asked, [request], run)

    def _once(self, find: Callable, requests: Requests, run: Mapping | None) -> Any:
        shape = "" if run is None else run.get("shape")
        if shape is None:
            return find(requests, run)
        key = (find, *(request.asked for request in requests), shape)
        if key not in self._found:
            self._found[key] = find(requests, run)
        return self._found[key]


def in_words(runs: Sequence[tuple[Requests, Mapping]]) -> str:
    """What these measured runs lack: "at 1 new strength, with 15 more draws, by quantization"."""
    strengths, draws = 0, 0
    evaluations: dict[str, None] = {}
    for requests, run in runs:
        new, more = 0, 0
        for want, missing in _missing(requests, run):
            had = set(want.points()) - set(missing)
            at = {strength for strength, _ in had}
            new += len({strength for strength, _ in missing} - at) if had else 0
            more = max([more, *(draw + 1 - _draws_at(strength, had) for strength, draw in missing if strength in at)])
            if not had:
                evaluations[want.evaluation] = None
        strengths, draws = max(strengths, new), max(draws, more)
    parts = [f"at {strengths} new strength{'s' * (strengths > 1)}"] if strengths else []
    parts += [f"with {draws} more draw{'s' * (draws > 1)}"] if draws else []
    parts += [f"by {' and '.join(evaluations)}"] if evaluations else []
    return ", ".join(parts)


def has_weights(config: TrainConfig) -> bool:
    """Whether the trained weights of a run are kept where its configuration says."""
    return config.weights_file is not None and config.weights_file.exists()


def _lacks(requests: Requests, run: Mapping) -> bool:
    return any(
        lacks_record(request, run) or (run["status"] != "diverged" and points.all_missing(request, run["measurements"]))
        for request in requests
    )


def _points_left(requests: Requests, run: Mapping | None) -> dict[str, int]:
    found: dict[str, set[tuple]] = {}
    for want, missing in _missing(requests, run):
        key = json.dumps([want.version, want.settings], sort_keys=True)
        found.setdefault(want.evaluation, set()).update((key, *point) for point in missing)
    return {evaluation: len(places) for evaluation, places in found.items() if places}


def _is_last_asked(requests: Requests, run: Mapping) -> bool:
    return run["asked"] == requests[-1].measuring()


def _missing(requests: Requests, run: Mapping | None) -> Iterable[tuple[Wanted, list[points.Point]]]:
    if run is not None and run["status"] == "diverged":
        return
    for request in requests:
        for want in points.wanted(request):
            if missing := points.missing(want, [] if run is None else run["measurements"]):
                yield want, missing


def _draws_at(strength: float | None, had: set[points.Point]) -> int:
    return 1 + max(draw for at, draw in had if at == strength)
