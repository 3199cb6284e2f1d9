"""What one kind of run costs: the seconds of its parts, and its memory."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from nnet import options as by_owner
from nnet.config import TrainConfig
from nnet.evaluations.parts import points

Missing = Mapping[str, int] | None
"""How many points of each evaluation are to be computed; None for all that a run asks for."""
SAME_COST = (
    *("seed", "epochs", "max_train_samples", "learning_rate", "momentum", "nesterov", "weight_decay"),
    *("lr_schedule", "lr_restart_epochs", "lr_milestones", "lr_factor", "initial_weights", "initial_weights_sha256"),
)
"""Fields that do not change what the parts of a run cost."""
NETWORK = ("dataset_name", "dataset_sha256", "image_size", "arch", "activation")
"""Fields that change what measurements cost."""


@dataclass(frozen=True)
class Cost:
    """The parts of one kind of run, in seconds of a worker, and how often they occur."""

    setting_up_s: float
    """Network, optimizer, data and check sums, once per run."""
    step_s: float
    """A batch and its update."""
    epoch_s: float
    """An epoch beside its steps."""
    pass_s: float
    """A pass through the test images beside its images: weight noise."""
    image_s: float
    """A test or validation image, in one pass."""
    evaluations_s: dict[str, float]
    """All points of each evaluation beside weight noise."""
    train_images: int
    """Training images of the dataset, without those of validation."""
    validation_images: int
    test_images: int
    memory_mb: float
    """Memory of one worker."""
    weights_mb: float
    """Size of the trained weights."""
    training_mb: float = 0.0
    """Memory of one worker before it measures anything but weight noise."""

    def seconds(self, cfg: TrainConfig, missing: Missing = None, trained: bool = False) -> float:
        """What a run of this kind takes: the sum of its `parts`."""
        return sum(self.parts(cfg, missing, trained))

    def parts(self, cfg: TrainConfig, missing: Missing = None, trained: bool = False) -> tuple[float, float]:
        """What training takes, and setting up and measuring, whatever the epochs, training images and noise draws.

        `trained`: whether its weights are there, so that it is only measured.
        """
        every = {want.evaluation: len(want.points()) for want in points.wanted(cfg)}
        missing = every if missing is None else missing
        passes = missing.get(points.WEIGHT_NOISE, 0)
        measuring = (self.pass_s + self.image_s * self.test_images) * passes
        for name in every.keys() & self.evaluations_s.keys():
            measuring += self.evaluations_s[name] * missing.get(name, 0) / every[name]
        return 0.0 if trained else self._training(cfg), self.setting_up_s + measuring

    def _training(self, cfg: TrainConfig) -> float:
        images = min(self.train_images, cfg.max_train_samples or self.train_images)
        evaluated = self.validation_images + (self.test_images if cfg.smoothed_accuracy else 0)
        steps = self.step_s * math.ceil(images / cfg.batch_size)
        return cfg.epochs * (self.epoch_s + steps + self.image_s * evaluated)


COST = {item.name: float for item in fields(Cost)} | {"evaluations_s": {str: float}, str: set()}
"""The shape of such a cost in a file."""


def kind_of(cfg: TrainConfig) -> str:
    """A text that is the same for all runs whose parts cost the same."""
    return repr((training_kind(cfg), measuring_kind(cfg)))


def training_kind(cfg: TrainConfig) -> str:
    """A text that is the same for all runs whose training costs the same."""
    fields = {name: value for name, value in cfg.training().items() if name not in SAME_COST}
    fields |= {name: fields[name] > 0 for name in ("alpha_train", "p")}
    return _text(cfg, fields | {"smoothed_accuracy": cfg.smoothed_accuracy, "trains": cfg.epochs > 0})


def measuring_kind(cfg: TrainConfig) -> str:
    """A text that is the same for all runs whose measurements cost the same, however their networks are trained."""
    named = (cfg.arch, cfg.dataset, *([cfg.corruption] if cfg.corrupt_test else []))
    owners = {owner: kind for owner, kind in cfg.training_owners().items() if owner in named}
    fields = {name: getattr(cfg, name) for name in NETWORK} | by_owner.completed(cfg.options, owners)
    fields["p"] = cfg.corrupt_test and cfg.p > 0
    for want in points.wanted(cfg):
        noise = want.evaluation == points.WEIGHT_NOISE  # it has a cost per pass
        fields[want.evaluation] = (want.settings, any(cfg.alpha_tests) if noise else (want.strengths, want.draws))
    return _text(cfg, fields)


def _text(cfg: TrainConfig, fields: dict) -> str:
    return repr(sorted((fields | {"threads": cfg.threads, "cuda": cfg.use_cuda}).items(), key=str))
