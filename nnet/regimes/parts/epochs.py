"""What the epochs of a run say of it as a whole."""

from collections.abc import Sequence


def columns(history: Sequence[dict]) -> dict:
    """Columns of the per-run table, from the rows of a run's history.

    With validation images: `val_acc_last`; `val_acc_best` and `val_acc_best_epoch`, the first with it. With a regime
    that notes its `noise`: how many `noisy_epochs` there were and the `first_noisy_epoch`. With both:
    `val_acc_before_noise` and `val_acc_best_after_noise`, of the last epoch before it and the best from it on, for the
    best of all may be older than any noise.
    """
    validated, noted = ("val_acc" in history[-1], "noise" in history[-1])
    noisy = [row["epoch"] for row in history if noted and (row["noise"] or row.get("static_strength"))]
    first = noisy[0] if noisy else None
    made = {}
    if validated:
        best = _best(history)
        made |= {"val_acc_last": history[-1]["val_acc"]}
        made |= {"val_acc_best": best["val_acc"], "val_acc_best_epoch": best["epoch"]}
    if noted:
        made |= {"noisy_epochs": len(noisy), "first_noisy_epoch": first}
    if validated and noted:
        made["val_acc_before_noise"] = history[first - 2]["val_acc"] if noisy and first > 1 else None
        made["val_acc_best_after_noise"] = _best(history[first - 1 :])["val_acc"] if noisy else None
    return made


def _best(history: Sequence[dict]) -> dict:
    return max(history, key=lambda row: row["val_acc"])
