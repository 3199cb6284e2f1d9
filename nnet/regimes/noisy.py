"""Training with weight noise: the gradient is taken at perturbed weights and updates the clean ones."""

from nnet.regimes.parts.forward_noise import ForwardNoise


class Regime(ForwardNoise):
    """For each batch: draw ε of strength α_train, forward and backward at W + ε, put W back, update W.

    Weight decay acts at W.
    """
