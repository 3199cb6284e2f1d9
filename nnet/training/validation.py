"""What the validation images say about a whole run."""

from collections.abc import Sequence


def best_epoch(history: Sequence[dict]) -> dict:
    """The first row with the highest `val_acc`."""
    return max(history, key=lambda row: row["val_acc"])


def columns(history: Sequence[dict]) -> dict:
    """Columns of the per-run table: `val_acc_last`, `val_acc_best` and `val_acc_best_epoch`, its first epoch.

    `history`: a row per epoch. Without validation images there are no columns.
    """
    if not history or "val_acc" not in history[-1]:
        return {}
    last, best = history[-1], best_epoch(history)
    return {"val_acc_last": last["val_acc"], "val_acc_best": best["val_acc"], "val_acc_best_epoch": best["epoch"]}
