"""Training without weight noise: the reference that every other regime is compared with."""

from nnet.regimes import base

USES_ALPHA_TRAIN = False


class Regime(base.Regime):
    """Gradient and update at the weights themselves."""
