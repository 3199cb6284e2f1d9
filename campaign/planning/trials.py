"""Which runs are tried, so that the costs of all kinds are known.

What training costs does not depend on how its network is measured, and measurements cost the same however the network
was trained. One pilot of each kind of training and of each kind of measurement is therefore enough.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from campaign.planning.cost import Cost, kind_of, measuring_kind, training_kind
from nnet.config import TrainConfig


class Trials:
    """The pilots of these runs, what they measured, and the costs that follow for every kind."""

    def __init__(self, runs: Iterable[TrainConfig], known: Mapping[str, Cost]):
        """`known`: costs by kind."""
        self._runs: dict[str, TrainConfig] = {}
        """The first run of each kind."""
        for config in runs:
            self._runs.setdefault(kind_of(config), config)
        self._training: dict[str, tuple[Cost, bool]] = {}
        self._measuring: dict[str, tuple[Cost, bool]] = {}
        self._tried: set[str] = set()
        self._has_failed = False
        self._new = [kind for kind in self._runs if kind not in known]
        for kind, config in self._runs.items():
            if kind in known:
                self.learn(config, known[kind], rough=False)

    def next(self) -> list[TrainConfig]:
        """The runs to try now, side by side; none if no further one would help. No kind is tried twice.

        A run whose way of training is not known yet, but whose measurements are, is tried without its measurements.
        After a failure all that is not known is tried, so that what always fails does so in one further round.
        """
        training, measuring = {*self._training}, {*self._measuring}
        chosen = []
        for config in self._runs.values():
            own, its = training_kind(config), measuring_kind(config)
            if own in training and its in measuring:
                continue
            tried = config if its not in measuring else unmeasured(config)
            if kind_of(tried) in self._tried:
                continue
            self._tried.add(kind_of(tried))
            chosen.append(tried)
            if not self._has_failed:
                training.add(own)
                measuring.add(its)
        return chosen

    def learn(self, tried: TrainConfig, cost: Cost, rough: bool) -> None:
        """Note what a pilot measured. `rough`: on a busy machine, so that it does not replace what is known better."""
        for parts, kind in ((self._training, training_kind(tried)), (self._measuring, measuring_kind(tried))):
            if not rough or kind not in parts:
                parts[kind] = (cost, rough)

    def fail(self) -> None:
        """Note that a pilot failed."""
        self._has_failed = True

    def costs(self) -> dict[str, tuple[Cost, bool]]:
        """The cost of each new kind whose training and measurements are known now, and whether it is rough."""
        found = {}
        for kind in self._new:
            training = self._training.get(training_kind(self._runs[kind]))
            measuring = self._measuring.get(measuring_kind(self._runs[kind]))
            if training is not None and measuring is not None:
                found[kind] = (_joined(training[0], measuring[0]), training[1] or measuring[1])
        return found


def unmeasured(config: TrainConfig) -> TrainConfig:
    """The same training with as few measurements as a run can have."""
    owners = config.training_owners()
    options = {owner: its_options for owner, its_options in config.options.items() if owner in owners}
    return dataclasses.replace(config, evaluations=(), alpha_tests=(0.0,), noise_samples=1, options=options)


def _joined(training: Cost, measuring: Cost) -> Cost:
    its_mb = measuring.memory_mb if measuring.memory_mb > measuring.training_mb else 0.0  # else its training took most
    return dataclasses.replace(
        training,
        pass_s=measuring.pass_s,
        image_s=measuring.image_s,
        evaluations_s=measuring.evaluations_s,
        test_images=measuring.test_images,
        memory_mb=max(training.training_mb, its_mb),
    )
