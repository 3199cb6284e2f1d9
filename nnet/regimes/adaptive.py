"""Training with noise on gradients or weights while training looks stuck or overfit, or on a fixed schedule.

After "Adaptive Noise Injection in CNN Training" (AdrienFeillard/OptML_project, 2025), with corrections:
`nnet.regimes.parts.controller` decides when there is noise, `nnet.regimes.parts.adaptive_options` has the options.
"""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import nn

from nnet.checks import ConfigError
from nnet.perturbations.magnitude import root_mean_square, total_norm
from nnet.perturbations.tensor_noise import TensorNoise
from nnet.perturbations.tensors import replaced, trainable_tensors, weight_tensors
from nnet.regimes import base
from nnet.regimes.parts.adaptive_options import Options
from nnet.regimes.parts.controller import Controller, Noise
from nnet.training import validation

COUNTS_EPOCHS = ("min_epochs", "window")
"""Options that count epochs: a pilot of one epoch leaves them out."""
COLUMNS = {
    "noisy_epochs": "number of epochs with noise",
    "first_noisy_epoch": "first epoch with noise",
    "val_acc_before_noise": "validation accuracy after the last epoch before the first noisy one",
    "val_acc_best_after_noise": "highest validation accuracy of an epoch from the first noisy one on",
    "gradient_norm": "mean norm of the gradient over the batches of the epoch, without noise",
    "update_norm": "how far the epoch moved the parameters, relative to their norm",
    "noise": "kind of noise in the epoch: gradient or weight; empty without noise",
    "strength": "strength of the noise, relative to the root mean square of each tensor",
    "flags": "flags of the controller that were up, separated by spaces",
    "static_strength": "strength of the scheduled noise, relative to the root mean square of each tensor",
}
"""What its columns in results_per_run.csv and epochs.csv mean."""
WATCHES_VALIDATION = {"mode": ("adaptive", "static+adaptive")}


@dataclass
class Layer:
    """Noise of one kind on all batches of an epoch."""

    kind: str
    strength: float
    draws: TensorNoise


class Regime(base.Regime):
    """For each batch of a noisy epoch: gradient noise g + N after the backward pass, or weight noise as in `noisy`.

    N has the standard deviation m·RMS(x), where x is the tensor that it is added to and m is at most α_train. Static
    and adaptive noise are drawn independently, each with its own m. Weight decay is added after gradient noise. Every
    row of the history has `gradient_norm` (mean over batches, before gradient noise, at the noisy weights if there is
    weight noise), `update_norm` (‖Δw‖₂/‖w‖₂ of the epoch, without permanent noise), `noise`, `strength` and `flags`;
    with both kinds of noise the strength of static noise is `static_strength`.
    """

    def __init__(self, cfg, model, optimizer, options: Options):
        super().__init__(cfg, model, optimizer)
        options.refuse_idle(cfg.options_of(cfg.regime), cfg.validation_share > 0, cfg.epochs, cfg.lr_restart_epochs)
        self.options = options
        self.controller = None
        if options.is_adaptive:
            self.controller = Controller(options, cfg.alpha_train, cfg.epochs, cfg.lr_restart_epochs)
        self.parameters = trainable_tensors(model)
        self.targets = {"gradient": self.parameters, "weight": weight_tensors(model)}
        if options.tensors:
            chosen = _named(model, options.tensors)
            self.targets = {"gradient": chosen, "weight": chosen}
        self.perturbed: list[torch.Tensor] = []
        self.layers: list[Layer] = []

    def start_epoch(self, epoch: int) -> None:
        """Choose this epoch's noise and start its streams."""
        self.epoch, self.norms = epoch, []
        noise = self.controller.noise if self.controller else Noise()
        self.layers = [self._layer("static_noise", self.options.static_noise, self._static_strength())]
        if noise.kind is not None:
            layer = self._layer(f"{noise.kind}_noise", noise.kind, noise.strength)
            if noise.kind == "weight" and self.options.permanent:
                self._kick(layer, noise.activated)
            else:
                self.layers.append(layer)
        self.layers = [layer for layer in self.layers if layer.strength > 0]
        if self.controller:
            self.before = [parameter.detach().clone() for parameter in self.parameters]

    def backward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Store the gradients, taken at noisy weights or given noise themselves, as the epoch has it."""
        with self._weights_with_noise():
            loss = super().backward(images, labels)
        if self.controller:
            self.watch()
        for layer in self.layers:
            if layer.kind == "gradient":
                gradients = [p.grad for p in self.targets["gradient"] if p.grad is not None]
                for gradient in gradients:
                    layer.draws.add(gradient, self._std(layer, gradient), gradient)
        return loss

    def watch(self) -> None:
        """Measure the gradients of a batch before they get noise."""
        self.norms.append(total_norm([p.grad for p in self.parameters if p.grad is not None]))

    def end_epoch(self, row: dict) -> dict:
        """Report the epoch to the controller; returns its noise and what was measured."""
        if self.options.mode == "off":
            return {}
        if not self.controller:
            return _noted(self.options.static_noise, self._static_strength())
        noise, measured = self.controller.noise, self._measured()
        self.controller.observe(row | measured)
        static = {"static_strength": self._static_strength()} if self.options.is_static else {}
        return measured | _noted(noise.kind, noise.strength, noise.flags) | static

    def record(self) -> dict:
        """The controller's `events`, if there is one."""
        return {"events": self.controller.events} if self.controller else {}

    def columns(self, history: Sequence[dict]) -> dict:
        """`noisy_epochs` and `first_noisy_epoch`; with validation images accuracy before and after noise began.

        `val_acc_before_noise` is that of the last epoch before the first noisy one, `val_acc_best_after_noise` the best
        from the first noisy epoch on: the best epoch of the whole run may precede all noise.
        """
        if self.options.mode == "off":
            return {}
        noisy = [row["epoch"] for row in history if row["noise"] or row.get("static_strength")]
        first = noisy[0] if noisy else None
        counts = {"noisy_epochs": len(noisy), "first_noisy_epoch": first}
        if "val_acc" not in history[-1]:
            return counts
        return counts | {
            "val_acc_before_noise": history[first - 2]["val_acc"] if first and first > 1 else None,
            "val_acc_best_after_noise": validation.best_epoch(history[first - 1 :])["val_acc"] if first else None,
        }

    def state_dict(self) -> dict:
        """The rows that the controller has received, and the optimizer's state."""
        return super().state_dict() | {"rows": self.controller.rows if self.controller else []}

    def load_state_dict(self, state: dict) -> None:
        """Restore the optimizer, and pass the stored rows to the controller again."""
        super().load_state_dict(state)
        if self.controller:
            for row in state["rows"]:
                self.controller.observe(row)

    def _static_strength(self) -> float:
        if not self.options.is_static:
            return 0.0
        done = (self.epoch - 1) / self.cfg.epochs
        shares = {
            "constant": 1.0,
            "linear": 1 - done,
            "cosine": 0.5 * (1 + math.cos(math.pi * done)),
            "exponential": 0.95 ** (self.epoch - 1),
        }
        return self.cfg.alpha_train * shares[self.options.schedule]

    def _layer(self, purpose: str, kind: str, strength: float) -> Layer:
        draws = TensorNoise(self.options.distribution, self.cfg.seed, purpose, self.epoch, self.device)
        return Layer(kind, strength, draws)

    def _std(self, layer: Layer, tensor: torch.Tensor) -> float | torch.Tensor:
        return layer.strength * (1.0 if self.options.legacy_absolute else root_mean_square(tensor))

    def _kick(self, layer: Layer, activated: bool) -> None:
        if activated and layer.strength > 0:
            for weight in self.targets["weight"]:
                layer.draws.add(weight.data, self._std(layer, weight.data), weight.data)

    def _weights_with_noise(self) -> AbstractContextManager:
        """Draw this batch's weight noise; it lasts for the `with` block, or for good with `legacy_permanent`."""
        layers = [layer for layer in self.layers if layer.kind == "weight"]
        if not layers:
            return nullcontext()
        weights = self.targets["weight"]
        if self.options.legacy_permanent:
            self._perturb(layers, [weight.data for weight in weights])
            return nullcontext()
        self.perturbed = self.perturbed or [torch.empty_like(weight.data) for weight in weights]
        self._perturb(layers, self.perturbed)
        return replaced(weights, self.perturbed)

    def _perturb(self, layers: list[Layer], outs: list[torch.Tensor]) -> None:
        """Add all layers; each is relative to the weights without noise."""
        for weight, out in zip(self.targets["weight"], outs, strict=True):
            source = weight.data
            stds = [self._std(layer, source) for layer in layers]
            for layer, std in zip(layers, stds, strict=True):
                layer.draws.add(source, std, out)
                source = out

    def _measured(self) -> dict:
        moved = [parameter.detach() - before for parameter, before in zip(self.parameters, self.before, strict=True)]
        return {
            "gradient_norm": torch.stack(self.norms).mean().item(),
            "update_norm": (total_norm(moved) / total_norm(self.before)).item(),
        }


def _noted(kind: str | None, strength: float, flags: Sequence[str] = ()) -> dict:
    return {"noise": kind if strength > 0 else None, "strength": strength, "flags": list(flags)}


def _named(model: nn.Module, tensors: str) -> list[nn.Parameter]:
    parts = [part.strip() for part in tensors.split(",")]
    parameters = dict(model.named_parameters())
    for part in parts:
        if not part or not any(part in name for name in parameters):
            raise ConfigError(f"option 'tensors': {part!r} matches no tensor; there are {list(parameters)}")
    return [parameter for name, parameter in parameters.items() if any(part in name for part in parts)]
