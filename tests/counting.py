"""Counts what a run does: training steps, and passes through the test images at perturbed or clean weights."""

from contextlib import contextmanager
from dataclasses import dataclass

import pytest

import nnet_models
from nnet.regimes import base


@dataclass
class Counts:
    """Steps of training and passes of measuring since the counting began."""

    steps: int = 0
    passes: int = 0


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch):
    """Count within the `with` block. The pass that tells whether training diverged is not one of measuring."""
    counts = Counts()
    step, evaluate = base.Regime.step, nnet_models.evaluate

    def counting_step(*arguments):
        counts.steps += 1
        return step(*arguments)

    def counting_evaluate(*arguments, **named):
        counts.passes += "batches" in named  # as evaluations call it
        return evaluate(*arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(base.Regime, "step", counting_step)
        patch.setattr(nnet_models, "evaluate", counting_evaluate)
        yield counts
