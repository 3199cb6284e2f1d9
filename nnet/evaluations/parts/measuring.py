"""From missing points to measurements: each evaluation measures what a network lacks."""

import copy
import dataclasses
import math
import time
from collections.abc import Callable, Iterable, Sequence

from torch import nn

from nnet import registry
from nnet.config import TrainConfig
from nnet.evaluations.base import Evaluation, Trained
from nnet.evaluations.parts import points
from nnet.evaluations.parts.points import Wanted
from nnet.record import provenance


def checked(cfg: TrainConfig, model: nn.Module | None = None) -> list[Wanted]:
    """What a configuration asks for. Raises ConfigError for a wrong value of an evaluation's option.

    Also for a network, if it is given, that one of the evaluations cannot measure; it need not be trained yet.
    """
    wants = points.wanted(cfg)
    for want in wants:
        registry.make_options("evaluations", want.evaluation, want.options())
        if model is not None:
            registry.load("evaluations", want.evaluation).Evaluation.check(model)
    return wants


def measured(
    trained: Trained,
    wants: Sequence[Wanted],
    images_sha256: str,
    known: Iterable[dict] = (),
    unfinished: Iterable[dict] = (),
    keep: Callable[[list[dict]], None] = lambda measurements: None,
) -> list[dict]:
    """The measurements of a network, those that are `known` included: only points of `wants` that are missing are
    computed.

    `unfinished`: measurements of a run that was killed, which may lack points. `keep` is called after each point with
    all new measurements, which may lack points too. Raises RuntimeError for an evaluation that changes the weights or
    leaves out a point.
    """
    measurements, new = points.joined(known, []), points.joined(unfinished, [])
    clean = points.clean([*measurements, *new], wants[0].settings, images_sha256)
    if clean is not None:
        loss = math.nan if clean["loss"] is None else clean["loss"]
        trained = dataclasses.replace(trained, known=(clean["acc"], loss))
    trained.model.eval()
    weights = provenance.weights_sha256(trained.model)
    for want in wants:
        if not points.missing(want, measurements):
            continue
        evaluation = _evaluation(want, trained)
        begun = [measurement for measurement in new if points.answers(measurement, want)]
        measurement = _begun(want, trained, images_sha256)
        start = time.perf_counter()
        for rows in evaluation.measure(points.missing(want, [*measurements, *begun])):
            measurement["points"] += rows
            measurement["seconds"] = time.perf_counter() - start
            keep([*new, measurement])
        new = points.joined(new, [measurement])
        lacking = points.missing(want, [item for item in [*measurements, *new] if points.answers(item, want)])
        if lacking:
            raise RuntimeError(f"the evaluation {want.evaluation} gave no rows at {len(lacking)} of its points")
        measurements = points.joined(measurements, [item for item in new if points.answers(item, want)])
        measurements = [
            _with_columns(item, evaluation) if points.answers(item, want) else item for item in measurements
        ]
        if provenance.weights_sha256(trained.model) != weights:
            raise RuntimeError(f"the evaluation {want.evaluation} changed the weights of the network that it measured")
    return measurements


def _evaluation(want: Wanted, trained: Trained) -> Evaluation:
    options = registry.make_options("evaluations", want.evaluation, want.options())
    return registry.load("evaluations", want.evaluation).Evaluation(trained, **options)


def _begun(want: Wanted, trained: Trained, images_sha256: str) -> dict:
    """A measurement without points."""
    return {
        "evaluation": want.evaluation,
        "version": want.version,
        "settings": copy.deepcopy(want.settings),  # all runs of this process share what they want
        "images_sha256": images_sha256,
        "points": [],
        "columns": {},
        "seconds": 0.0,
        "provenance": [provenance.provenance(trained.device, [*trained.plug_ins, ("evaluations", want.evaluation)])],
    }


def _with_columns(measurement: dict, evaluation: Evaluation) -> dict:
    return measurement | {"columns": evaluation.columns(measurement["points"])}
