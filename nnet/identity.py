"""What a configuration says of a network and of its measurements. Importing it does not import torch."""

import dataclasses
import functools
import json
import sys
from pathlib import Path
from typing import Any

from nnet import options as by_owner
from nnet import registry
from nnet.checks import canonical
from nnet.files.content import sha256_of_file

GROUPS = ("training", "measuring", "record", "operation")
"""The groups of fields; see TrainConfig."""
_shared: dict[str, float | tuple] = {}


@functools.cache
def in_group(kind: Any, group: str) -> tuple[str, ...]:
    """The names of the fields of this group; `kind`: TrainConfig."""
    return tuple(item.name for item in dataclasses.fields(kind) if group_of(item) == group)


def group_of(item: dataclasses.Field) -> str:
    """The group of a field, one of `GROUPS`."""
    return item.metadata.get("group", "training")


def share_values(config: Any) -> None:
    """Let a configuration share its values with others: there may be a hundred thousand of them.

    A field at its default is the attribute of the class, and not in `vars(config)`; equal numbers and tuples are one
    object.
    """
    own = {}
    for name, value in vars(config).items():
        if not _is_same(value, getattr(type(config), name, None)):
            own[name] = _shared.setdefault(repr(value), value) if isinstance(value, float | tuple) else value
    object.__setattr__(config, "__dict__", own)


def _is_same(value: Any, usual: Any) -> bool:
    return type(value) is type(usual) and repr(value) == repr(usual)


class Identity:
    """The part of TrainConfig that tells one network, and one way to measure it, from another."""

    dataset: str
    arch: str
    regime: str
    noise_model: str
    corruption: str
    initial_weights: str | None
    evaluations: tuple[str, ...]
    options: dict

    @property
    def dataset_name(self) -> str:
        """The dataset's name in tables and folders; for an .npz file, its name without folder and suffix."""
        return Path(self.dataset).stem if self.dataset.endswith(".npz") else self.dataset

    @functools.cached_property
    def dataset_sha256(self) -> str | None:
        """SHA-256 of the .npz file when the configuration was made; None for a dataset with a name."""
        return sha256_of_file(self.dataset) if self.dataset.endswith(".npz") else None

    @functools.cached_property
    def initial_weights_sha256(self) -> str | None:
        """SHA-256 of the file of initial weights when the configuration was made; None without one."""
        return None if self.initial_weights is None else sha256_of_file(self.initial_weights)

    @property
    def has_weight_noise(self) -> bool:
        """Whether the regime uses `alpha_train`."""
        return registry.constant("regimes", self.regime, "USES_ALPHA_TRAIN", True)

    def training_owners(self) -> by_owner.Owners:
        """Name → kind of everything in this run whose options may change the trained weights."""
        return by_owner.training_owners(self.dataset, self.regime, self.arch, self.corruption)

    def owners(self) -> by_owner.Owners:
        """Name → kind of everything in this run that may have options."""
        measuring = by_owner.measuring_owners(self.evaluations)
        return by_owner.unique([*measuring.items(), *self.training_owners().items()])

    def options_of(self, owner: str) -> dict:
        """The options that are set for this owner, by name; {} if there are none."""
        return dict(self.options.get(owner, {}))

    def all_options(self) -> dict[str, dict]:
        """All options by owner: as they are set, the others at their defaults."""
        return by_owner.completed(self.options, self.training_owners()) | self.measuring()["options"]

    def training(self) -> dict:
        """All that the trained weights depend on, JSON-able and in canonical form, defaults included.

        A user's file is represented by its name and the SHA-256 of its content: it may move, but not change.
        Without `noise_model` where the regime has no weight noise: there it only says how the network is measured.
        """
        kind: Any = type(self)
        training = {name: getattr(self, name) for name in in_group(kind, "training")}
        training["options"] = by_owner.completed(self.options, self.training_owners())
        if not self.has_weight_noise:
            del training["noise_model"]
        if self.dataset_sha256 is not None:
            training |= {"dataset": self.dataset_name, "dataset_sha256": self.dataset_sha256}
        if self.initial_weights is not None:
            training |= {"initial_weights": Path(self.initial_weights).name}
            training |= {"initial_weights_sha256": self.initial_weights_sha256}
        return canonical(training)

    def measuring(self) -> dict:
        """How the network is measured, JSON-able and in canonical form: its fields, `noise_model`, and `options`.

        `noise_model` is the default of the evaluation weight_noise. The options are those of evaluations, complete.
        """
        kind: Any = type(self)
        measuring = {name: getattr(self, name) for name in (*in_group(kind, "measuring"), "noise_model")}
        every = by_owner.completed(self.options, by_owner.measuring_owners(self.evaluations))
        for owner, its_options in every.items():
            shared = registry.constant("evaluations", owner, "FROM_CONFIG", ())
            its_options |= {name: getattr(self, name) for name in shared} | self.options_of(owner)
        return canonical(measuring | {"options": every})

    @functools.cached_property
    def asked(self) -> str:
        """All that is asked of a network beside its training: `measuring()` and what training notes, as one text."""
        kind: Any = type(self)
        noted = {name: getattr(self, name) for name in in_group(kind, "record")}
        return sys.intern(json.dumps([self.measuring(), noted], sort_keys=True))
