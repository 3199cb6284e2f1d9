"""Runs and single steps with adaptive noise, and plain gradients of the same batch."""

import torch
from torch.nn import functional

from nnet.regimes import adaptive
from nnet.regimes.parts.adaptive_options import Options
from nnet_models import build_model
from tests.conftest import small_run

CPU = torch.device("cpu")


STUCK = {"min_epochs": 1, "window": 2, "low_update": 1e9}
"""Options with which every epoch from the third on is flagged for gradient noise."""


STALE = {"min_epochs": 1, "window": 2, "low_update": 0.0, "gradient_plateau": 1e-12, "val_plateau": 1e9}
"""Options with which every epoch from the third on is flagged for weight noise."""


def config(npz, options=None, **changed):
    """A run with adaptive noise and these options of it, by name."""
    fields = dict(arch="baby_cnn", regime="adaptive", alpha_train=0.3, epochs=6, validation_share=0.25)
    return small_run(npz, **fields | changed, options={"adaptive": options} if options else {})


def set_up(npz, optimizer=torch.optim.SGD, lr=0.0, epoch=1, options=None, weight_decay=0.0, **changed):
    """A regime at the start of an epoch, with a network and an optimizer that does not move it by default."""
    cfg = config(npz, options=options, **changed)
    torch.manual_seed(0)
    model = build_model(cfg.arch, image_shape=(3, 8, 8), num_classes=3)
    regime = adaptive.Regime(
        cfg, model, optimizer(model.parameters(), lr=lr, weight_decay=weight_decay), Options(**(options or {}))
    )
    regime.start_epoch(epoch)
    return regime, model


def batch():
    torch.manual_seed(1)
    return torch.rand(16, 3, 8, 8), torch.randint(3, (16,))


def plain_gradients(model, images, labels) -> list[torch.Tensor]:
    return list(torch.autograd.grad(functional.cross_entropy(model(images), labels), list(model.parameters())))


def rms(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.double().square().mean().sqrt()
