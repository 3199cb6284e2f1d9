"""Training with weight noise: the gradient is taken at perturbed weights and updates the clean ones."""

from dataclasses import dataclass

from nnet.checks import check_fields, one_of, setting
from nnet.perturbations.programming_noise import ProgrammingNoise
from nnet.regimes.parts.forward_noise import ForwardNoise

IDLE = {"device": ("pcm", ("noise_model",))}


@dataclass(frozen=True)
class Options:
    """Options of noisy training. Raises ConfigError for a wrong value."""

    device: str = setting("none", one_of(("none", "pcm")))
    """The device whose noise is drawn: none (Gaussian noise as `noise_model` says) or pcm (the noise of programming
    phase-change memory, times α_train; 1 is the noise of the devices of the evaluation `pcm`). Default none."""

    def __post_init__(self):
        check_fields(self)


class Regime(ForwardNoise):
    """For each batch: draw ε of strength α_train, forward and backward at W + ε, put W back, update W.

    Weight decay acts at W.
    """

    def __init__(self, cfg, model, optimizer, options: Options):
        super().__init__(cfg, model, optimizer)
        if options.device == "pcm":
            self.noise = ProgrammingNoise(model, cfg.noise_model)
