"""What must hold without a GPU so that workers can use one."""

import torch

from campaign.engines.process import Engine
from nnet.config import TrainConfig


def forked_too_late(config: TrainConfig, known: dict | None = None) -> dict:
    """Whether torch refuses CUDA here, because the process that forked this one had looked for a GPU."""
    return {"refused": torch.cuda._is_in_bad_fork()}


def test_the_process_that_forks_workers_has_not_looked_for_a_gpu():
    with Engine(forked_too_late, 1, None) as engine:
        ((_, outcome),) = engine.outcomes([TrainConfig()])
    assert outcome == {"refused": False}
