"""The options of perturbative networks. Importing it does not import torch."""

from dataclasses import dataclass, fields

from nnet import checks

FIRST_FILTER_SIZES = (0, 1, 3, 5, 7)
FILTER_SIZES = (0, 1, 3, 5)
NOISE_STD = {"uniform": 3**-0.5, "normal": 1.0}
"""The kinds of masks, and their standard deviation at level 1."""
POOLINGS = ("max", "avg")
OF_MASKS = ("nmasks", "level", "noise_type", "unique_masks", "train_masks", "mix_maps")
OF_FIRST_MASKS = ("scale_noise", "use_act")


@dataclass(frozen=True)
class Options:
    """What can be chosen of a perturbative network. Raises ValueError for a wrong value and for one without effect.

    At level 0 all options of masks are allowed nevertheless: it is the control of a pair.

    A layer of filter size 0 adds masks N to its input, and weighs what an activation leaves of the sums: with M masks
    per channel c the output o is b_o + Σ_m w_om·act(x_c + level·N_m), each o of one c; with one mask Σ over all c.
    """

    nfilters: int = 16
    """Channels after the first layer. Default 16, for a CPU; of the published programs 64."""
    first_filter_size: int = 0
    """Filter of the first layer: 0 (masks and a convolution 1×1), or a convolution of 1, 3, 5 or 7 pixels a side, the
    last with stride 2. Default 0."""
    filter_size: int = 0
    """Filter of all other layers: 0, 1, 3 or 5. Default 0."""
    nmasks: int = 1
    """Masks per channel, at least 1. With more than one a layer's output sees one channel of its input. Default 1."""
    level: float = 0.5
    """What the masks are multiplied with, ≥ 0, in units of the layer's input. Uniform noise has a standard deviation of
    level/√3, normal noise one of level. Default 0.5."""
    noise_type: str = "uniform"
    """uniform (U(−1, 1)) or normal (N(0, 1)). Default uniform."""
    unique_masks: bool = True
    """Each channel has masks of its own; otherwise all channels of a layer share them. Default yes."""
    train_masks: bool = False
    """Masks are trained like weights; otherwise they stay as they were drawn. Default no."""
    mix_maps: bool = False
    """A second convolution 1×1 over all channels after each layer with masks. Default no."""
    scale_noise: float = 1.0
    """The level of the first layer is multiplied with this, ≥ 0. Default 1."""
    use_act: bool = False
    """The first layer has an activation between its masks and its convolution, as all others have. Default no."""
    pooling: str = "max"
    """max or avg. Default max."""

    def __post_init__(self):
        for name, smallest in {"nfilters": 1, "nmasks": 1, "first_filter_size": 0, "filter_size": 0}.items():
            checks.whole_number(name, getattr(self, name), smallest)
        for name in ("level", "scale_noise"):
            checks.number(name, getattr(self, name))
        for name in ("unique_masks", "train_masks", "mix_maps", "use_act"):
            checks.switch(name, getattr(self, name))
        choices = {
            "first_filter_size": FIRST_FILTER_SIZES,
            "filter_size": FILTER_SIZES,
            "noise_type": NOISE_STD,
            "pooling": POOLINGS,
        }
        for name, known in choices.items():
            checks.choice(name, getattr(self, name), known)
        self._refuse_idle()

    def _refuse_idle(self) -> None:
        usual = {item.name: item.default for item in fields(self)}
        if self.first_filter_size != 0:
            for name in OF_FIRST_MASKS if self.filter_size == 0 else (*OF_FIRST_MASKS, *OF_MASKS):
                if getattr(self, name) != usual[name]:
                    where = "in the first layer" if name in OF_FIRST_MASKS else "in any layer"
                    raise ValueError(f"option {name!r} has no effect without masks {where}: it needs filter size 0")

    @property
    def noise_std(self) -> float:
        """Standard deviation of what is added to the input of all layers but the first, before masks are trained."""
        return self.level * NOISE_STD[self.noise_type]

    def check_channels(self, channels: int) -> None:
        """Raise ValueError unless every output of a first layer with several masks can have a channel of its own."""
        if self.first_filter_size == 0 and self.nmasks > 1 and self.nfilters % channels != 0:
            raise ValueError(
                f"a first layer of several masks divides its filters among {channels} channels: nfilters "
                f"{self.nfilters} is no multiple; choose another or first_filter_size 3"
            )
