"""The options of adaptive noise. Importing it does not import torch."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from nnet.checks import ConfigError, between, check_fields, number, one_of, positive, setting, switch, text, whole

MODES = ("off", "static", "adaptive", "static+adaptive")
STATIC = ("static", "static+adaptive")
ADAPTIVE = ("adaptive", "static+adaptive")
NOISY = ("static", *ADAPTIVE)


@dataclass(frozen=True)
class Options:
    """Options of adaptive noise; `alpha_train` is its largest strength. Raises ConfigError for a wrong value.

    Epochs are counted from 1. A strength m is relative: noise on a tensor x has the standard deviation m·‖x‖₂/√n. The
    metadata `modes` of a field are the modes in which it has an effect; `validation` marks one that needs validation
    images.
    """

    mode: str = setting("adaptive", one_of(MODES))
    """off (training without noise), static (noise in every epoch, following `schedule`), adaptive (noise while training
    looks stuck or overfit) or static+adaptive (both). Default adaptive."""
    distribution: str = setting("gaussian", one_of(("gaussian", "uniform")), modes=NOISY)
    """gaussian or uniform, with the same standard deviation. Default gaussian."""
    tensors: str = setting("", text, modes=NOISY)
    """Comma-separated parts of names: noise goes only to parameters whose name contains one of them, including biases.
    Empty: gradient noise goes to all parameters, weight noise to those that the sweep perturbs. Default empty."""
    static_noise: str = setting("weight", one_of(("gradient", "weight")), modes=STATIC)
    """Target of static noise: gradient or weight. Default weight."""
    schedule: str = setting("constant", one_of(("constant", "linear", "cosine", "exponential")), modes=STATIC)
    """Strength of static noise after e of E epochs, relative to `alpha_train`: constant (1), linear (1 − e/E), cosine
    (½(1 + cos(π e/E))) or exponential (0.95ᵉ). Default constant."""
    min_share: float = setting(0.2, between(0, 1), modes=ADAPTIVE)
    """Strength of adaptive noise at stuckness 0, as a share of `alpha_train`, 0 to 1; at stuckness 1 the share is 1.
    Both are damped by ½(1 + cos(π e/E)). Any raised flag means a stuckness of at least ½. Default 0.2."""
    min_epochs: int = setting(10, whole(1), modes=ADAPTIVE)
    """Epochs before training is watched, at least 1. Default 10."""
    window: int = setting(5, whole(2), modes=ADAPTIVE)
    """Number of last epochs that are watched, at least 2, all since the last restart of the learning rate. Default
    5."""
    activate_after: int = setting(1, whole(1), modes=ADAPTIVE)
    """Consecutive flagged epochs, including the present one, after which noise begins, at least 1. Default 1."""
    rest_after: int = setting(3, whole(1), modes=ADAPTIVE)
    """Consecutive noisy epochs after which training rests from noise, at least 1. Default 3."""
    cooldown_min: int = setting(5, whole(0), modes=ADAPTIVE)
    """Epochs of a rest at stuckness 0; at ½, the smallest that raises a flag, a rest is halfway to `cooldown_max`.
    Default 5."""
    cooldown_max: int = setting(15, whole(0), modes=ADAPTIVE)
    """Epochs of a rest at stuckness 1. Default 15."""
    gradient_plateau: float = setting(0.05, positive, modes=ADAPTIVE)
    """Flag: the mean gradient norm of an epoch changed by less than this share of its first value in the window, > 0.
    Default 0.05."""
    low_update: float = setting(1e-3, number, modes=ADAPTIVE)
    """Flag: an epoch changed the parameters by less than this, ‖Δw‖₂/‖w‖₂, on average over the window, ≥ 0. Default
    0.001."""
    val_plateau: float = setting(1e-4, positive, modes=ADAPTIVE, validation=True)
    """Flag: the validation loss (cross-entropy, nats) fell by less than this in the window, > 0. Default 0.0001."""
    overfit_epochs: int = setting(3, whole(1), modes=ADAPTIVE, validation=True)
    """Flag: in each of this many last epochs the validation loss rose and the training loss fell, by more than a tenth
    of `val_plateau`, at least 1. Default 3."""
    permanent: bool = setting(False, switch, modes=ADAPTIVE, validation=True)
    """Add weight noise once, when it activates, and keep it; otherwise every batch has its own draw, which is removed
    before the update. Default no."""
    legacy_flags: bool = setting(False, switch, modes=ADAPTIVE)
    """As published, for comparison: detect plateaus by the first and last epoch of the window, not by its slope, take a
    rising gradient norm for a plateau, and any `overfit_epochs` rises and falls in the window for overfitting. Default
    no."""
    legacy_absolute: bool = setting(False, switch, modes=NOISY)
    """As published, for comparison: m is the standard deviation itself, whatever the tensor. Default no."""
    legacy_permanent: bool = setting(False, switch, modes=NOISY)
    """As published, for comparison: add weight noise at every batch and keep it, a random walk. Default no."""

    def __post_init__(self):
        check_fields(self)
        if self.cooldown_min > self.cooldown_max:
            raise ConfigError(f"cooldown_min {self.cooldown_min} is above cooldown_max {self.cooldown_max}")
        if self.permanent and self.legacy_permanent:
            raise ConfigError("permanent and legacy_permanent exclude each other")

    def refuse_idle(self, chosen: Iterable[str], validation: bool, epochs: int, restart_epochs: int | None) -> None:
        """Raise ConfigError if one of the `chosen` options has no effect.

        `validation`: whether there are validation images; `epochs`: of the run; `restart_epochs`: between restarts of
        the learning rate, or None.
        """
        weight_noise = (self.is_adaptive and validation) or (self.is_static and self.static_noise == "weight")
        cycle = min(epochs, restart_epochs or epochs)
        metadata = {item.name: item.metadata for item in fields(self)}
        for name in chosen:
            about = metadata.get(name, {})
            if self.mode not in about.get("modes", MODES):
                raise ConfigError(f"option {name!r} has no effect in mode {self.mode!r}")
            if about.get("validation") and not validation:
                raise ConfigError(f"option {name!r} has no effect without validation images; set validation_share")
            if name == "legacy_permanent" and not weight_noise:
                raise ConfigError(f"option {name!r} has no effect without weight noise")
            if name == "min_epochs" and self.min_epochs >= epochs:
                raise ConfigError(f"min_epochs {self.min_epochs} leaves none of {epochs} epochs to look at")
            if name == "window" and self.window >= cycle:
                raise ConfigError(f"window {self.window} does not fit into {cycle} epochs")

    @property
    def is_static(self) -> bool:
        """Whether there is static noise."""
        return self.mode in STATIC

    @property
    def is_adaptive(self) -> bool:
        """Whether training is watched."""
        return self.mode in ADAPTIVE
