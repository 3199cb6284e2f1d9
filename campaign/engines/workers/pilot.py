"""What a run costs, measured in a worker by small real runs of the same kind. It imports torch."""

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from campaign.machine.memory import own_peak_mb
from nnet import registry
from nnet.checks import ConfigError
from nnet.config import TrainConfig
from nnet.data import prepared
from nnet.data.batches import Batches
from nnet.evaluations.parts import points, wanted
from nnet.files.atomic import CannotWrite
from nnet.files.temporary import temporary_folder
from nnet.record import provenance
from nnet_models import get_device, train_and_evaluate, try_set_up

TARGET_S = 0.3
"""Seconds that the larger of two small runs is to train, and to measure."""
MOST_STEPS, MOST_BATCHES = 50, 20
PART = 0.25
"""Of a batch of test images: what the smaller run measures."""
FEW = 16
"""Test images of the run that prepares evaluations, and of the smaller timed one where they take long."""
QUIET = 0.8
"""Share of the time for which a run has a core to itself on a quiet machine; below it the machine was busy."""
ATTEMPTS, AGAIN_S = 2, 10
"""How often a busy machine is measured; no attempt begins after this many seconds."""


class CannotSetUp(RuntimeError):
    """A run that cannot be set up, though its configuration is right."""


@dataclass(frozen=True)
class Timing:
    """One small run: its size, and the seconds of its parts."""

    steps: int
    images: int
    """Test images."""
    setting_up_s: float
    train_s: float
    measure_s: float
    """Of weight noise."""
    evaluations: dict[str, float]
    """Seconds of each further evaluation."""
    share: float
    """Processor time of this thread divided by the time that passed."""


def pilot(cfg: TrainConfig) -> dict:
    """Set the run up as it is, then do small runs of its kind.

    Returns what `look` returns; `cost`, the fields of `campaign.planning.cost.Cost`; and `busy`, whether the machine
    was busy, in which case the seconds are estimated from the processor time. Raises ConfigError for a wrong
    configuration, as setting the run up does, and any other exception if a small run fails.
    """
    seen = look(cfg)
    try:
        return seen | _measured(cfg)
    except ConfigError as error:  # the run itself is right: it was set up
        raise RuntimeError(f"no small run of this kind can be made: {error}") from error


def look(cfg: TrainConfig) -> dict:
    """Set the run up and leave it: `data_sha256`, `not_noised` and `machine`, as in a run file, and `test_images`.

    Raises ConfigError for a wrong configuration, and CannotSetUp for any other error.
    """
    try:
        return try_set_up(cfg) | {"machine": provenance.machine(get_device(cfg.use_cuda))}
    except (ConfigError, CannotWrite):
        raise
    except Exception as error:
        raise CannotSetUp(f"{type(error).__name__}: {error}") from error


def _measured(cfg: TrainConfig) -> dict:
    options = cfg.options_of(cfg.dataset)
    images = prepared.load(cfg.dataset, cfg.image_size, cfg.data_dir, cfg.dataset_sha256, options)
    batches = Batches(cfg, images, get_device(cfg.use_cuda))
    testing = list(batches.test())  # kept until the end, as a run keeps them, for the memory that they take
    weights_mb = _warm_up(cfg, batches)
    cost, busy = _repeated(lambda: _cost(_plain(cfg), batches))
    training_mb = own_peak_mb()
    evaluations_s: dict[str, float] = {}
    if cfg.evaluations:
        evaluations_s, also_busy = _repeated(lambda: _of_evaluations(cfg, batches))
        busy = busy or also_busy
    cost |= {
        "evaluations_s": evaluations_s,
        "train_images": batches.first_watched,
        "validation_images": batches.watched,
        "test_images": batches.test_size,
        "training_mb": training_mb,
        "memory_mb": own_peak_mb(),
        "weights_mb": weights_mb,
    }
    del testing
    return {"cost": cost, "busy": busy}


def _repeated(measure: Callable[[], tuple[dict, float]]) -> tuple[dict, bool]:
    """Seconds by name, measured again if the machine was busy and that does not take long; and whether it was busy.

    `measure` also returns the share of the processor that it had. Seconds of a busy machine are multiplied by it.
    """
    start = time.perf_counter()
    attempts = [measure()]
    while len(attempts) < ATTEMPTS and attempts[-1][1] < QUIET and time.perf_counter() - start < AGAIN_S:
        attempts.append(measure())
    seconds, share = max(attempts, key=lambda attempt: attempt[1])
    if share >= QUIET:
        return seconds, False
    return {name: value * share for name, value in seconds.items()}, True


def _cost(plain: TrainConfig, batches: Batches) -> tuple[dict, float]:
    """Seconds of training and of weight noise, and the smallest share of the processor that a small run had."""
    small = _timed(plain, batches, 1, PART)
    steps, parts = _larger(small.train_s, 2, MOST_STEPS), _larger(small.measure_s, 2, round(MOST_BATCHES / PART))
    large = _timed(plain, batches, steps, PART * parts)
    step_s, epoch_s = _line(small.steps, small.train_s, large.steps, large.train_s)
    images_s, pass_s = _line(small.images, small.measure_s, large.images, large.measure_s)
    cost = {
        "setting_up_s": large.setting_up_s,
        "step_s": step_s,
        "epoch_s": epoch_s,
        "pass_s": pass_s,
        "image_s": images_s / (2 if any(plain.alpha_tests) else 1),
    }
    return cost, _share(plain, small, large)


def _of_evaluations(cfg: TrainConfig, batches: Batches) -> tuple[dict, float]:
    """Seconds of all points of each further evaluation, and the smallest share of the processor that a small run had.

    From one and two batches of test images, or from `FEW` and one batch where that takes long.
    """
    few = min(1.0, FEW / batches.evaluation_batch)
    warm_up = _timed(cfg, batches, 1, few)
    counts = (1, 2) if sum(warm_up.evaluations.values()) < TARGET_S else (few, 1)
    first, second = (_timed(cfg, batches, 1, count) for count in counts)
    larger, seconds = _larger_by(cfg), {}
    for name, first_s in first.evaluations.items():
        image_s, once_s = _line(first.images, first_s, second.images, second.evaluations.get(name, first_s))
        seconds[name] = larger[name] * (once_s + image_s * batches.test_size)
    return seconds, _share(cfg, first, second)


def _share(cfg: TrainConfig, *timings: Timing) -> float:
    return 1.0 if cfg.use_cuda else min(timing.share for timing in timings)


def _warm_up(cfg: TrainConfig, batches: Batches) -> float:
    """A run of the smallest size, for first uses and the memory of a kept epoch; returns the MB of trained weights."""
    with temporary_folder() as folder:
        kept: dict = {"checkpoint_dir": str(folder)}
        if cfg.epoch_checkpoint_dir is not None:
            kept |= {"epoch_checkpoint_dir": str(folder), "epoch_checkpoint_s": 0}
        train_and_evaluate(dataclasses.replace(_small(_plain(cfg), batches, 1, 1), **kept))
        return sum(path.stat().st_size for path in folder.glob("*/*.pt")) / 2**20


def _plain(cfg: TrainConfig) -> TrainConfig:
    """The same run without evaluations beside weight noise."""
    return dataclasses.replace(cfg, evaluations=(), options=_options(cfg, ()))


def _timed(cfg: TrainConfig, batches: Batches, steps: int, count: float) -> Timing:
    """One small run of `steps` training steps on `count` batches of test images."""
    small = _small(cfg, batches, steps, count)
    size = Batches(small, batches.images, batches.device)
    processor, start = time.thread_time(), time.perf_counter()
    result = train_and_evaluate(small)
    seconds, share = time.perf_counter() - start, time.thread_time() - processor
    train_s, measured = (
        result["train_seconds"],
        {item["evaluation"]: item["seconds"] for item in result["measurements"]},
    )
    setting_up_s = seconds - train_s - sum(measured.values())
    noise_s = measured.pop(points.WEIGHT_NOISE, 0.0)
    return Timing(size.steps, size.test_size, setting_up_s, train_s, noise_s, measured, share / seconds)


def _small(cfg: TrainConfig, batches: Batches, steps: int, count: float) -> TrainConfig:
    """A run of the same kind that takes little time: one epoch, one validation batch, one noisy pass."""
    images = batches.evaluation_batch
    watched = min(batches.watched, images) / len(batches.images.y_train)
    return dataclasses.replace(
        cfg,
        epochs=min(cfg.epochs, 1), max_train_samples=steps * cfg.batch_size,
        validation_share=min(cfg.validation_share, watched),
        lr_schedule="constant", lr_restart_epochs=None, lr_milestones=(), lr_factor=TrainConfig.lr_factor,
        alpha_tests=(0.0, cfg.alpha_tests[-1]) if any(cfg.alpha_tests) else (0.0,), noise_samples=1,
        max_test_samples=min(math.ceil(count * images), batches.test_size), smoothed_accuracy=False,
        options=_options(cfg, cfg.evaluations), checkpoint_dir=None, epoch_checkpoint_dir=None,
    )  # fmt: skip


def _options(cfg: TrainConfig, evaluations: tuple[str, ...]) -> dict:
    """The options of a small run: without those of other evaluations, and those that count epochs."""
    others = {*cfg.evaluations} - {*evaluations}
    options = {owner: dict(its_options) for owner, its_options in cfg.options.items() if owner not in others}
    for name in registry.constant("regimes", cfg.regime, "COUNTS_EPOCHS", ()):
        options.get(cfg.regime, {}).pop(name, None)
    for want in points.wanted(cfg):
        if want.evaluation in evaluations:
            options[want.evaluation] = options.get(want.evaluation, {}) | _few(want)
    return options


def _few(want: wanted.Wanted) -> dict:
    """Options with which an evaluation has its first and its last strength and one draw."""
    few: dict = {wanted.stated(want.evaluation, "DRAWS"): 1}
    if want.strengths is not None:
        few[wanted.stated(want.evaluation, "STRENGTHS")] = tuple(dict.fromkeys((want.strengths[0], want.strengths[-1])))
    return {name: value for name, value in few.items() if name in registry.option_names("evaluations", want.evaluation)}


def _larger_by(cfg: TrainConfig) -> dict[str, float]:
    """How many times as many points as a small run has, by evaluation; strength 0 takes no time."""
    small = dataclasses.replace(cfg, options=_options(cfg, cfg.evaluations))
    return {
        want.evaluation: _perturbed(want) / _perturbed(few)
        for want, few in zip(points.wanted(cfg), points.wanted(small), strict=True)
    }


def _perturbed(want: wanted.Wanted) -> int:
    return max(1, sum(strength != 0 for strength, _ in want.points()))


def _larger(seconds: float, least: int, most: int) -> int:
    """How much larger a run must be to take `TARGET_S`."""
    return max(least, min(most, round(TARGET_S / max(seconds, 1e-6))))


def _line(x: int, y: float, further_x: int, further_y: float) -> tuple[float, float]:
    """Slope and intercept of the line through two points, neither below 0."""
    slope = (further_y - y) / (further_x - x) if further_x > x else 0.0
    if slope <= 0 or slope * further_x > further_y:
        return max(further_y, 0.0) / further_x, 0.0
    return slope, further_y - slope * further_x
