"""When to inject noise: a controller that watches training, epoch by epoch. Importing it does not import torch.

After "Adaptive Noise Injection in CNN Training" (AdrienFeillard/OptML_project, 2025), with its defects repaired.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

from nnet.regimes.parts.adaptive_options import Options

GRADIENT_PLATEAU, LOW_UPDATE = "gradient_plateau", "low_update"
VAL_PLATEAU, OVERFITTING = "val_plateau", "overfitting"
SMALLEST_NORM = 1e-9


@dataclass(frozen=True)
class Noise:
    """What the controller answers for one epoch."""

    kind: str | None = None
    """gradient, weight, or None for no noise."""
    strength: float = 0.0
    """Relative to what the noise is added to; 0 for no noise."""
    flags: tuple[str, ...] = ()
    """What training looked like."""
    activated: bool = False
    """Whether the epoch before had no noise of this kind."""


class Controller:
    """Fed one row of figures per epoch, it says which noise the next epoch has, and logs why in `events`.

    Gradient noise answers a gradient norm that changes no more (`gradient_plateau`) and weights that hardly move
    (`low_update`), weight noise a validation loss that falls no more (`val_plateau`) and `overfitting`; gradient noise
    goes first. Noise begins after `activate_after` flagged epochs in a row, ends when no flag is up, and after
    `rest_after` noisy epochs training rests, unwatched, the longer the more stuck it was.

    `events`: dicts with `epoch`, the one that the event belongs to, and `event`: flags (with what was found),
    activation (kind, stuckness, strength), rest (how many epochs) or end (no flag is up, as after a restart of the
    learning rate, when there is nothing to look at yet).
    """

    def __init__(self, options: Options, strength: float, epochs: int, restart_epochs: int | None = None):
        """`strength`: the largest, relative; `epochs`: of the run; `restart_epochs`: between learning-rate restarts."""
        self.options, self.strength, self.epochs = options, strength, epochs
        self.restart_epochs = restart_epochs or epochs
        self.rows: list[dict] = []
        self.events: list[dict] = []
        self.noise = Noise()
        self.flagged = self.noisy = self.cooldown = 0

    def observe(self, row: dict) -> Noise:
        """Take the figures of the epoch that has ended; the noise of the next one, also kept as `noise`.

        `row`: `epoch`, `train_loss`, `gradient_norm` and `update_norm` (relative), and `val_loss` where there is one;
        norms are those without noise. What is missing, None or not finite raises no flag.
        """
        self.rows.append(row | {"noise": self.noise.kind})
        epoch = row["epoch"] + 1
        if epoch > self.epochs:
            return self.noise
        if self.cooldown > 0:
            self.cooldown -= 1
            self.noise = Noise()
            return self.noise
        found = self._flags()
        if found:
            self._log(epoch, "flags", **found)
        self.flagged = self.flagged + 1 if found else 0
        if self.flagged >= self.options.activate_after:
            self._inject(epoch, found)
        else:
            self._end(epoch, tuple(found))
        return self.noise

    def _inject(self, epoch: int, found: dict[str, float]) -> None:
        kind = "gradient" if found.keys() & {GRADIENT_PLATEAU, LOW_UPDATE} else "weight"
        how_stuck = self._stuckness(kind, found)
        strength = self._strength(how_stuck, epoch - 1)
        activated = kind != self.noise.kind
        if activated:
            self._log(epoch, "activation", kind=kind, stuckness=how_stuck, strength=strength)
        self.noise = Noise(kind, strength, tuple(found), activated)
        self.noisy += 1
        if self.noisy >= self.options.rest_after:
            least, most = self.options.cooldown_min, self.options.cooldown_max
            self.cooldown = int(least + how_stuck * (most - least))
            self.noisy = 0
            if self.cooldown > 0:
                self.flagged = 0
                self._log(epoch + 1, "rest", epochs=self.cooldown)

    def _end(self, epoch: int, flags: tuple[str, ...]) -> None:
        if self.noise.kind is not None:
            self._log(epoch, "end")
        self.noise, self.noisy = Noise(flags=flags), 0

    def _flags(self) -> dict[str, float]:
        """What is found, by flag: the improvement in the window, the mean update, or the epochs of overfitting."""
        options, found = self.options, {}
        if len(self.rows) < options.min_epochs:
            return found
        norms = self._last("gradient_norm", options.window, without=("weight",))
        if norms:
            begin, fall = self._begin_and_fall(norms)
            change = fall if options.legacy_flags else abs(fall)
            if begin > SMALLEST_NORM and change / begin < options.gradient_plateau:
                found[GRADIENT_PLATEAU] = fall / begin
        moving = ("gradient", "weight") if options.legacy_permanent else ("gradient",)
        updates = self._last("update_norm", options.window, without=moving)
        if updates and fmean(updates) < options.low_update:
            found[LOW_UPDATE] = fmean(updates)
        losses = self._last("val_loss", options.window)
        if losses:
            _, fall = self._begin_and_fall(losses)
            if fall < options.val_plateau:
                found[VAL_PLATEAU] = fall
        if self._overfits():
            found[OVERFITTING] = options.overfit_epochs
        return found

    def _overfits(self) -> bool:
        count, legacy = self.options.overfit_epochs, self.options.legacy_flags
        entries = self.options.window if legacy else count + 1
        losses, trained = self._last("val_loss", entries), self._last("train_loss", entries)
        if not losses or not trained:
            return False
        least = self.options.val_plateau / 10
        rises = [after > before + least for before, after in zip(losses, losses[1:], strict=False)]
        falls = [after < before - least for before, after in zip(trained, trained[1:], strict=False)]
        if legacy:
            return sum(rises) >= count and sum(falls) >= count
        return all(rises) and all(falls)

    def _last(self, name: str, count: int, without: Sequence[str] = ()) -> list[float]:
        """The last `count` figures since the learning rate's restart, or [] where there are not so many.

        Epochs with a kind of noise that would change the figure are left out, and those on both sides of them joined.
        """
        cycle = len(self.rows) // self.restart_epochs
        rows = [row for row in self.rows[cycle * self.restart_epochs :] if row["noise"] not in without]
        figures: list = [row.get(name) for row in rows[-count:]]
        whole = len(figures) == count and all(figure is not None and math.isfinite(figure) for figure in figures)
        return figures if whole else []

    def _begin_and_fall(self, figures: Sequence[float]) -> tuple[float, float]:
        """Where a window begins and how far it falls from there, by its least-squares line."""
        if self.options.legacy_flags:
            return figures[0], figures[0] - figures[-1]
        line = linear_regression(range(len(figures)), figures)
        return line.intercept, -line.slope * (len(figures) - 1)

    def _stuckness(self, kind: str, found: dict[str, float]) -> float:
        """0 to 1: ½ where the improvement is the flag's threshold, more where it is less, and where none is known."""
        flag = GRADIENT_PLATEAU if kind == "gradient" else VAL_PLATEAU
        if flag not in found:
            return 0.5
        threshold = getattr(self.options, flag)
        return stuckness(found[flag], threshold)

    def _strength(self, how_stuck: float, done: int) -> float:
        share = self.options.min_share
        return self.strength * (share + how_stuck * (1 - share)) * 0.5 * (1 + math.cos(math.pi * done / self.epochs))

    def _log(self, epoch: int, event: str, **about: object) -> None:
        self.events.append({"epoch": epoch, "event": event, **about})


def stuckness(improvement: float, threshold: float) -> float:
    """1 − sigmoid((2/threshold)·(improvement − threshold)), whatever the size of its argument."""
    return 0.5 * (1 - math.tanh((improvement - threshold) / threshold))
