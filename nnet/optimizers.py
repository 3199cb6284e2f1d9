"""The optimizers and the schedules of the learning rate that a configuration can name."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from nnet.checks import ConfigError, several, whole

LR_SCHEDULES = ("constant", "cosine_restarts", "steps")
SMALLEST_PEAK = 1e-5
"""The maximum of the learning rate after the last restart of `cosine_restarts`."""
USUAL_FACTOR = 0.2
"""The default of `lr_factor`."""


class Optimizer(NamedTuple):
    """One optimizer: the name of its class in `torch.optim`, arguments of the class, and whether it has momentum."""

    kind: str
    arguments: dict
    has_momentum: bool

    def build(self, parameters: Iterable, **further: object) -> Any:
        """A new optimizer of these parameters; `further` arguments, such as `lr`, are added to its own."""
        import torch  # here, because the launcher reads the names below and does not import torch

        return getattr(torch.optim, self.kind)(parameters, **self.arguments, **further)


OPTIMIZERS = {
    "adam": Optimizer("Adam", {"fused": True}, has_momentum=False),
    "sgd": Optimizer("SGD", {}, has_momentum=True),
}


def milestones(name: str, value: object) -> tuple[int, ...]:
    """Rule: ascending epochs from 2, as a tuple; it may be empty."""
    epochs = several(whole(2), "epochs", empty=True)(name, value)
    if list(epochs) != list(value):  # type: ignore[call-overload]
        raise ConfigError(f"{name} must ascend; got {value!r}")
    return epochs


def check_momentum(optimizer: str, momentum: float, nesterov: bool) -> None:
    """Raise ConfigError for momentum that the optimizer does not have, and for nesterov without momentum."""
    if momentum > 0 and not OPTIMIZERS[optimizer].has_momentum:
        raise ConfigError(f"momentum needs another optimizer: {optimizer} has none")
    if nesterov and momentum == 0:
        raise ConfigError("nesterov needs a momentum above 0")


def check_schedule(schedule: str, epochs: int, rate: float, restart: int | None, at: tuple, factor: float) -> None:
    """Raise ConfigError for settings that the schedule needs, and for those that have no effect with it.

    `rate`: learning_rate; `restart`: lr_restart_epochs; `at`: lr_milestones; `factor`: lr_factor.
    """
    if schedule == "cosine_restarts":
        _check_restarts(epochs, rate, restart)
    elif restart is not None:
        raise ConfigError(f"lr_restart_epochs has no effect with lr_schedule {schedule!r}")
    if schedule == "steps":
        if not at:
            raise ConfigError("lr_schedule 'steps' needs lr_milestones")
    elif at or factor != USUAL_FACTOR:
        raise ConfigError(f"{'lr_milestones' if at else 'lr_factor'} has no effect with lr_schedule {schedule!r}")


def _check_restarts(epochs: int, rate: float, restart: int | None) -> None:
    if restart is None:
        raise ConfigError("lr_schedule 'cosine_restarts' needs lr_restart_epochs")
    if restart >= epochs:
        raise ConfigError(f"lr_restart_epochs must be below epochs; got {restart} of {epochs}")
    if rate < SMALLEST_PEAK:
        raise ConfigError(f"lr_schedule 'cosine_restarts' needs a learning_rate of at least {SMALLEST_PEAK:g}")
