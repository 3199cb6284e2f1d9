"""The trained part of a run file: all that is known of a network before it is measured."""

import math
from collections.abc import Sequence

from nnet.config import TrainConfig
from nnet.perturbations.tensors import spared_tensors
from nnet.record import own_code, provenance
from nnet.record.form import FORM
from nnet.regimes.base import Regime
from nnet.training import validation


def trained_part(
    cfg: TrainConfig, regime: Regime, history: Sequence[dict], seconds: float, sha256: dict, diverged: bool
) -> dict:
    """The trained part, JSON-able; a number that is not finite becomes None.

    `history`: a row per epoch; `sha256`: of the data and of the weights before and after training.
    """
    training = cfg.training()
    last = history[-1] if history else {"epoch": 0, "train_loss": None}
    return {
        "form": FORM,
        "run_id": cfg.run_id,
        "dataset": cfg.dataset_name,
        "architecture": cfg.arch,
        **{name: getattr(cfg, name) for name in ("regime", "seed", "alpha_train")},
        "noise_model": training.get("noise_model"),
        **{name: getattr(cfg, name) for name in ("activation", "p", "epochs")},
        "status": "diverged" if diverged else "ok",
        "train_loss": _finite(last["train_loss"]),
        "train_seconds": seconds,
        **validation.columns(history),
        **regime.columns(history),
        "diverged_epoch": last["epoch"] if diverged else None,
        "history": [{name: _finite(value) for name, value in row.items()} for row in history],
        **regime.record(),
        "not_noised": list(spared_tensors(regime.model)),
        "config": training,
        "provenance": provenance.provenance(regime.device, own_code.of_training(cfg)),
        "sha256": sha256,
    }


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
