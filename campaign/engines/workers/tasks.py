"""The work that engines are given. The imports are inside: the launcher names this work but never imports torch."""

from nnet.config import TrainConfig


def train(config: TrainConfig, known: dict | None = None) -> dict:
    """One run: see `nnet_models.train_and_evaluate`."""
    from nnet_models import train_and_evaluate

    return train_and_evaluate(config, known)


def measure(config: TrainConfig, known: dict) -> dict:
    """The same of a run that is trained. Raises Refused, without training, if its kept weights are not sound."""
    from nnet.record import kept

    kept.check_kept(config, known)
    return train(config, known)


def pilot(config: TrainConfig) -> dict:
    """What a run of this kind costs: see `campaign.engines.workers.pilot.pilot`."""
    from campaign.engines.workers import pilot

    return pilot.pilot(config)


def look(config: TrainConfig) -> dict:
    """Set a run up and leave it: see `campaign.engines.workers.pilot.look`."""
    from campaign.engines.workers import pilot

    return pilot.look(config)


def nothing(config: TrainConfig) -> dict:
    """Nothing: to measure what an engine costs."""
    return {}
