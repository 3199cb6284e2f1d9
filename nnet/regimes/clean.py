"""Training without weight noise: the reference for all other regimes."""

from nnet.regimes import base

USES_ALPHA_TRAIN = False


class Regime(base.Regime):
    """Gradient and update at the unperturbed weights."""
