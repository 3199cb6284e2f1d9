"""The options of adaptive noise. Importing it does not import torch."""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

from nnet import checks

MODES = ("off", "static", "adaptive", "static+adaptive")
DISTRIBUTIONS = ("gaussian", "uniform")
KINDS = ("gradient", "weight")
SCHEDULES = ("constant", "linear", "cosine", "exponential")
NOISY = {"modes": ("static", "adaptive", "static+adaptive")}
STATIC = {"modes": ("static", "static+adaptive")}
ADAPTIVE = {"modes": ("adaptive", "static+adaptive")}
VALIDATION = ADAPTIVE | {"validation": True}


@dataclass(frozen=True)
class Options:
    """What can be chosen of adaptive noise; α_train is its largest strength. Raises ValueError for a wrong value.

    An epoch is counted from 1. A strength m is relative: noise on a tensor x has the standard deviation m·‖x‖₂/√n.
    """

    mode: str = "adaptive"
    """off (training as without noise), static (noise in every epoch, after `schedule`), adaptive (noise while training
    looks stuck or overfit) or static+adaptive (the one on top of the other). Default adaptive."""
    distribution: str = field(default="gaussian", metadata=NOISY)
    """gaussian or uniform, of the same standard deviation. Default gaussian."""
    tensors: str = field(default="", metadata=NOISY)
    """Parts of names, with commas between them: noise goes to the parameters alone whose name has one of them, biases
    included. Empty: gradient noise goes to all parameters, weight noise to what the sweep perturbs. Default empty."""
    static_noise: str = field(default="weight", metadata=STATIC)
    """What static noise is added to: gradient or weight. Default weight."""
    schedule: str = field(default="constant", metadata=STATIC)
    """Strength of static noise after e of E epochs, relative to α_train: constant (1), linear (1 − e/E), cosine
    (½(1 + cos(π e/E))) or exponential (0.95ᵉ). Default constant."""
    min_share: float = field(default=0.2, metadata=ADAPTIVE)
    """Strength of adaptive noise where stuckness is 0, as a share of α_train, 0 to 1; where it is 1 the share is 1.
    Both are damped by ½(1 + cos(π e/E)). Whatever raises a flag has a stuckness of ½ or more. Default 0.2."""
    min_epochs: int = field(default=10, metadata=ADAPTIVE)
    """Epochs before training is looked at for the first time, at least 1. Default 10."""
    window: int = field(default=5, metadata=ADAPTIVE)
    """Epochs that are looked at, at least 2, all since the last restart of the learning rate. Default 5."""
    activate_after: int = field(default=1, metadata=ADAPTIVE)
    """Flagged epochs in a row, this one included, from which on there is noise, at least 1. Default 1."""
    rest_after: int = field(default=3, metadata=ADAPTIVE)
    """Noisy epochs in a row after which training rests from noise, at least 1. Default 3."""
    cooldown_min: int = field(default=5, metadata=ADAPTIVE)
    """Epochs of a rest where stuckness is 0; at ½, the least that raises a flag, a rest is halfway to the longest.
    Default 5."""
    cooldown_max: int = field(default=15, metadata=ADAPTIVE)
    """Epochs of a rest where stuckness is 1. Default 15."""
    gradient_plateau: float = field(default=0.05, metadata=ADAPTIVE)
    """Flag: the mean gradient norm of an epoch changed by less than this in the window, relative to where it began,
    > 0. Default 0.05."""
    low_update: float = field(default=1e-3, metadata=ADAPTIVE)
    """Flag: an epoch moved the parameters by less than this in the mean of the window, ‖Δw‖₂/‖w‖₂, ≥ 0. Default
    0.001."""
    val_plateau: float = field(default=1e-4, metadata=VALIDATION)
    """Flag: the validation loss (cross-entropy, nats) fell by less than this in the window, > 0. Default 0.0001."""
    overfit_epochs: int = field(default=3, metadata=VALIDATION)
    """Flag: in so many last epochs, each, the validation loss rose and the training loss fell, by more than a tenth of
    `val_plateau`, at least 1. Default 3."""
    permanent: bool = field(default=False, metadata=VALIDATION)
    """Weight noise is added once, when it activates, and stays; otherwise every batch has a draw of its own, which is
    taken away again before the update. Default no."""
    legacy_flags: bool = field(default=False, metadata=ADAPTIVE)
    """Plateaus by the first and last epoch of the window alone, not by its slope, with a gradient norm that rises for
    one, and overfitting by any `overfit_epochs` rises and falls in the window: as published, for comparison. Default
    no."""
    legacy_absolute: bool = field(default=False, metadata=NOISY)
    """The standard deviation of noise is m itself, whatever it is added to: as published, for comparison. Default
    no."""
    legacy_permanent: bool = field(default=False, metadata=NOISY)
    """Weight noise is added for every batch and stays, a random walk: as published, for comparison. Default no."""

    def __post_init__(self):
        choices = {"mode": MODES, "distribution": DISTRIBUTIONS, "static_noise": KINDS, "schedule": SCHEDULES}
        for name, known in choices.items():
            checks.choice(name, getattr(self, name), known)
        if not isinstance(self.tensors, str):
            raise ValueError(f"tensors are parts of names with commas between them; got {self.tensors!r}")
        for name in ("min_epochs", "activate_after", "rest_after", "overfit_epochs"):
            checks.whole_number(name, getattr(self, name), smallest=1)
        checks.whole_number("window", self.window, smallest=2)
        for name in ("cooldown_min", "cooldown_max"):
            checks.whole_number(name, getattr(self, name), smallest=0)
        if self.cooldown_min > self.cooldown_max:
            raise ValueError(f"cooldown_min {self.cooldown_min} is above cooldown_max {self.cooldown_max}")
        if checks.number("min_share", self.min_share) > 1:
            raise ValueError(f"min_share is 0 to 1; got {self.min_share}")
        checks.number("low_update", self.low_update)
        for name in ("gradient_plateau", "val_plateau"):
            if checks.number(name, getattr(self, name)) == 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("permanent", "legacy_flags", "legacy_absolute", "legacy_permanent"):
            checks.switch(name, getattr(self, name))
        if self.permanent and self.legacy_permanent:
            raise ValueError("permanent and legacy_permanent exclude each other")

    def refuse_idle(self, given: Iterable[str], validation: bool, epochs: int, restart_epochs: int | None) -> None:
        """Raise ValueError for one of the options that were `given` if it has no effect.

        `validation`: whether there are validation images; `epochs`: of the run, and between restarts if there are any.
        """
        weight_noise = (self.is_adaptive and validation) or (self.is_static and self.static_noise == "weight")
        cycle = min(epochs, restart_epochs or epochs)
        known = {item.name: item.metadata for item in fields(self)}
        for name in given:
            about = known.get(name, {})
            if self.mode not in about.get("modes", MODES):
                raise ValueError(f"option {name!r} has no effect in mode {self.mode!r}")
            if about.get("validation") and not validation:
                raise ValueError(f"option {name!r} has no effect without validation images; set validation_share")
            if name == "legacy_permanent" and not weight_noise:
                raise ValueError(f"option {name!r} has no effect without weight noise")
            if name == "min_epochs" and self.min_epochs >= epochs:
                raise ValueError(f"min_epochs {self.min_epochs} leaves none of {epochs} epochs to look at")
            if name == "window" and self.window >= cycle:
                raise ValueError(f"window {self.window} does not fit into {cycle} epochs")

    @property
    def is_static(self) -> bool:
        """Whether there is static noise."""
        return self.mode in STATIC["modes"]

    @property
    def is_adaptive(self) -> bool:
        """Whether training is watched."""
        return self.mode in ADAPTIVE["modes"]
