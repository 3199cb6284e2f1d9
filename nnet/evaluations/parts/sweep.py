"""Accuracy and loss of a trained network over α_test × noise draws."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from torch import nn

from nnet.perturbations.weight_noise import WeightNoise
from nnet.random import streams


def sweep(
    model: nn.Module,
    measure: Callable[[nn.Module], tuple[float, float]],
    alphas: Sequence[float],
    draws: int,
    noise_model: str,
    seed: int,
) -> list[dict]:
    """Measure the network at W + ε for every α in `alphas` and each of `draws` draws of ε; one row per α.

    `measure` returns (accuracy, loss) at the current weights. Draw k takes its standard normal numbers from the stream
    (seed, `sweep`, k), the same for every α, so that no row depends on the other α in the list. α = 0, which must be in
    the list, is measured once. The weights are bit-identical afterwards.
    """
    device = next(model.parameters()).device
    noise = WeightNoise(model, noise_model)
    measured = {alpha: [] for alpha in alphas}
    measured[0.0] = [measure(model)]
    for draw in range(draws if any(alphas) else 0):
        noise.draw(streams.normals(seed, "sweep", draw, device))
        for alpha in alphas:
            if alpha > 0:
                with noise.applied(alpha):
                    measured[alpha].append(measure(model))
    clean = measured[0.0][0][0]
    return [row_of(alpha, measured[alpha], clean) for alpha in alphas]


def row_of(alpha: float, figures: Sequence[tuple[float, float]], clean: float) -> dict:
    """The row of one strength from its (accuracy, loss), one pair per draw; `clean`: accuracy without perturbation.

    `alpha_test`, `noise_samples`, `acc` and `loss` (means over the draws; a loss that is not finite is None),
    `acc_std` (sample standard deviation over the draws, None for one draw), `drop` (`clean` minus `acc`), `acc_min`
    (the worst draw).
    """
    accuracies, losses = zip(*figures, strict=True)
    accuracy, loss = fmean(accuracies), fmean(losses)
    return {
        "alpha_test": alpha,
        "noise_samples": len(figures),
        "acc": accuracy,
        "acc_std": stdev(accuracies) if len(figures) > 1 else None,
        "loss": loss if math.isfinite(loss) else None,
        "drop": clean - accuracy,
        "acc_min": min(accuracies),
    }
