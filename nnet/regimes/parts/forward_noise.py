"""Noise on the weights during the forward and backward pass, shared by several regimes."""

import torch

from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams
from nnet.regimes import base


class ForwardNoise(base.Regime):
    """For each batch: draw ε of strength α_train, forward and backward at W + ε, put W back, update W.

    The optimizer's weight decay acts at W, not at W + ε. The draws of an epoch come from the stream (seed,
    `weight_noise`, epoch). α_train = 0 is the clean regime.
    """

    def __init__(self, cfg, model, optimizer):
        super().__init__(cfg, model, optimizer)
        self.noise = WeightNoise(model, cfg.noise_model)

    def start_epoch(self, epoch: int) -> None:
        """Start this epoch's stream of weight noise."""
        self.normals = streams.normals(self.cfg.seed, "weight_noise", epoch, self.device)

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the gradients at W + ε; the weights are W again on return."""
        if self.cfg.alpha_train > 0:
            self.noise.draw(self.normals)
        with self.noise.applied(self.cfg.alpha_train):
            return super().backward(images, labels)
