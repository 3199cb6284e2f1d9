"""The options of perturbative networks. Importing it does not import torch."""

from dataclasses import dataclass, fields

from nnet.checks import ConfigError, check_fields, number, one_of, setting, switch, whole

NOISE_STD = {"uniform": 3**-0.5, "normal": 1.0}
"""The kinds of masks, and their standard deviation at level 1."""
OF_MASKS = ("nmasks", "level", "noise_type", "unique_masks", "train_masks", "mix_maps")
OF_FIRST_MASKS = ("scale_noise", "use_act")


@dataclass(frozen=True)
class Options:
    """Options of a perturbative network. Raises ConfigError for a wrong value and for one without effect.

    At level 0 all options of masks are nevertheless allowed: such a network is the control of a pair.

    A layer of filter size 0 adds masks N to its input, applies the activation and weighs the results: with M masks per
    channel c the output o is b_o + Σ_m w_om·act(x_c + level·N_m), each o with one c; with one mask Σ is over all c.
    """

    nfilters: int = setting(16, whole(1))
    """Channels after the first layer. Default 16, for a CPU; the published programs use 64."""
    first_filter_size: int = setting(0, one_of((0, 1, 3, 5, 7)))
    """Filter size of the first layer: 0 (masks and a convolution 1×1), or a convolution of 1, 3, 5 or 7 pixels a side,
    the last with stride 2. Default 0."""
    filter_size: int = setting(0, one_of((0, 1, 3, 5)))
    """Filter size of all other layers: 0, 1, 3 or 5. Default 0."""
    nmasks: int = setting(1, whole(1))
    """Masks per channel, at least 1. With more than one, an output sees a single channel of the input. Default 1."""
    level: float = setting(0.5, number)
    """Factor of the masks, ≥ 0, in units of the layer's input. The standard deviation is level/√3 for uniform noise and
    level for normal noise. Default 0.5."""
    noise_type: str = setting("uniform", one_of(NOISE_STD))
    """Distribution of the masks: uniform (U(−1, 1)) or normal (N(0, 1)). Default uniform."""
    unique_masks: bool = setting(True, switch)
    """Each channel has its own masks; otherwise all channels of a layer share them. Default yes."""
    train_masks: bool = setting(False, switch)
    """Train the masks like weights; otherwise they stay as they were drawn. Default no."""
    mix_maps: bool = setting(False, switch)
    """Add a convolution 1×1 over all channels after each layer with masks. Default no."""
    scale_noise: float = setting(1.0, number)
    """Factor of the level in the first layer, ≥ 0. Default 1."""
    use_act: bool = setting(False, switch)
    """Put an activation between the masks and the convolution of the first layer, as in all others. Default no."""
    pooling: str = setting("max", one_of(("max", "avg")))
    """Pooling: max or avg. Default max."""

    def __post_init__(self):
        check_fields(self)
        if self.first_filter_size == 0:
            return
        usual = {item.name: item.default for item in fields(self)}
        for name in OF_FIRST_MASKS if self.filter_size == 0 else (*OF_FIRST_MASKS, *OF_MASKS):
            if getattr(self, name) != usual[name]:
                where = "in the first layer" if name in OF_FIRST_MASKS else "in any layer"
                raise ConfigError(f"option {name!r} has no effect without masks {where}, which need filter size 0")

    @property
    def noise_std(self) -> float:
        """Standard deviation of the untrained masks in all layers but the first."""
        return self.level * NOISE_STD[self.noise_type]

    def check_channels(self, channels: int) -> None:
        """Raise ConfigError if a first layer with several masks cannot divide its outputs evenly among the channels."""
        if self.first_filter_size == 0 and self.nmasks > 1 and self.nfilters % channels != 0:
            raise ConfigError(
                f"nfilters {self.nfilters} is no multiple of {channels}, the channels of the images, but the first "
                "layer has several masks: choose another or first_filter_size 3"
            )
