"""A controller of adaptive noise, which answers for epoch e (from 0, as in the paper) after rows 1 to e."""

from nnet.regimes.parts.adaptive_options import Options
from nnet.regimes.parts.controller import Controller

FALLING = {"gradient_norm": 0.8, "update_norm": 1.0, "val_loss": 0.8, "train_loss": 0.8}
"""By which factor each figure of a training that is not stuck changes in an epoch."""


def row(epoch: int, **figures) -> dict:
    """Figures of a training that is not stuck, but for those that are given; None leaves one out."""
    healthy = {name: factor**epoch for name, factor in FALLING.items()}
    return {"epoch": epoch} | {name: value for name, value in (healthy | figures).items() if value is not None}


def controller(epochs: int = 300, strength: float = 0.05, restart_epochs: int | None = None, **options) -> Controller:
    return Controller(Options(**options), strength, epochs, restart_epochs)


def answers(made: Controller, epochs: int, **figures) -> list:
    """The noise of epochs e = 1 to `epochs`; `figures`: of a row, or a function of its number."""
    given = {name: value if callable(value) else (lambda _, value=value: value) for name, value in figures.items()}
    return [made.observe(row(n, **{name: value(n) for name, value in given.items()})) for n in range(1, epochs + 1)]


def noisy(noises: list) -> list[int]:
    return [e for e, noise in enumerate(noises, 1) if noise.kind is not None]


def flags(window: int = 4, min_epochs: int = 1, legacy_flags: bool = False, epochs: int = 4, **figures) -> set[str]:
    """The flags after the last epoch of `figures`: lists with one number per epoch."""
    made = controller(window=window, min_epochs=min_epochs, legacy_flags=legacy_flags, rest_after=1000)
    for n in range(1, epochs + 1):
        noise = made.observe(row(n, **{name: values[n - 1] for name, values in figures.items()}))
    return set(noise.flags)
