"""What a run costs, in seconds of its part of the machine, from what its parts cost. Importing it imports no torch."""

import math
from dataclasses import dataclass

from nnet.config import TrainConfig


@dataclass(frozen=True)
class Cost:
    """Measured costs of the parts of one kind of run, in seconds."""

    setting_up_s: float
    """Network, optimizer, data and check sums, once per run."""
    step_s: float
    """A batch and its update, mean."""
    evaluation_s: float
    """One pass through the test images, with weight noise if the run has any."""
    validation_s: float
    """One pass through the validation images, without noise; 0 if there are none."""
    train_images: int
    """Training images of the dataset, without those of validation."""
    evaluations_s: float = 0.0
    """What is measured beside accuracy under weight noise, once per run."""

    def seconds(self, cfg: TrainConfig) -> float:
        """What a whole run of this kind takes, whatever its epochs, training images and noise draws."""
        images = min(self.train_images, cfg.max_train_samples or self.train_images)
        steps = cfg.epochs * math.ceil(images / cfg.batch_size)
        evaluations = 1 + (len(cfg.alpha_tests) - 1) * cfg.noise_samples
        evaluations += cfg.epochs if cfg.smoothed_accuracy else 0
        training = self.step_s * steps + self.validation_s * cfg.epochs
        return self.setting_up_s + training + self.evaluation_s * evaluations + self.evaluations_s


def kind_of(cfg: TrainConfig) -> str:
    """A text that is the same for all runs whose parts cost the same."""
    science = cfg.science()
    for name in (
        *("seed", "epochs", "max_train_samples", "noise_samples"),
        *("learning_rate", "momentum", "nesterov", "lr_schedule", "lr_restart_epochs", "weight_decay"),
        *("lr_milestones", "lr_factor"),
    ):
        science.pop(name, None)
    science |= {name: science[name] > 0 for name in ("alpha_train", "p")} | {"alpha_tests": any(cfg.alpha_tests)}
    return repr(sorted((science | {"threads": cfg.cpu_threads, "cuda": cfg.use_cuda}).items(), key=str))
