"""What engines are given to do. The imports are inside: the launcher names this work but never imports torch."""

from campaign.machine.memory import own_peak_mb
from nnet.config import TrainConfig

CALIBRATION_BATCHES, CALIBRATION_S = 400, 5.0


def train(config: TrainConfig) -> dict:
    """One run: see `nnet_models.train_and_evaluate`."""
    from nnet_models import train_and_evaluate

    return train_and_evaluate(config)


def estimate(config: TrainConfig) -> dict:
    """The check of one run and its cost: `nnet_models.estimate_cost`, and `memory_mb`, what this process took."""
    from nnet_models import estimate_cost

    return estimate_cost(config) | {"memory_mb": own_peak_mb()}


def nothing(config: TrainConfig) -> dict:
    """Nothing: to see how long it takes until a worker works."""
    return {}


def calibrate(config: TrainConfig) -> dict:
    """The cost of one run from a few hundred batches, but no more than a few seconds of them."""
    from nnet_models import estimate_cost

    return estimate_cost(config, CALIBRATION_BATCHES, CALIBRATION_S)
