"""What engines are given to do. The imports are inside: the launcher names this work but never imports torch."""

from nnet.config import TrainConfig


def train(config: TrainConfig) -> dict:
    """One run: see `nnet_models.train_and_evaluate`."""
    from nnet_models import train_and_evaluate

    return train_and_evaluate(config)


def estimate(config: TrainConfig) -> dict:
    """The check of one run and its estimated cost: see `nnet_models.estimate_seconds`."""
    from nnet_models import estimate_seconds

    return estimate_seconds(config)
