"""A quick check of the whole machinery: is a network at least as robust after training with noise?"""

import dataclasses
from collections.abc import Sequence

from campaign.analysis import tables
from campaign.grid import lists
from campaign.grid.settings import Launch
from campaign.machine.console import say
from campaign.planning.survey import prepare
from campaign.running import runner
from nnet.config import TrainConfig
from nnet.datasets.base import input_of
from nnet.files.temporary import temporary_folder

TOLERANCE = 0.02
ALPHA = 0.2
"""Strength of the noise in training if no run of the study has noise."""
MOST_SEEDS = 3
KEPT = ("dataset", "data_dir", "max_train_samples", "cpu_threads", "use_cuda")
"""What the small runs take from the study; everything else has TrainConfig's default."""


def sanity(configs: Sequence[TrainConfig], launch: Launch) -> int:
    """Train a small network for an epoch, clean and with noise, and compare the drops at α_test = 0.1; nothing is kept.

    `configs`: the runs of the study, which say the data, the seeds and the strength of the noise. Returns 0 if the drop
    after training with noise is smaller or similar (tolerance 0.02), else 1.
    """
    with temporary_folder() as folder:
        campaign = prepare(small_runs(configs), dataclasses.replace(launch, output_dir=str(folder), notify=None))
        code = runner.run(campaign)
        if code != 0:
            return code
        (store,) = campaign.stores.values()
        summary = tables.of(tables.read(store.folder)["results_summary"])
    summary = summary[summary["alpha_test"] == 0.1].set_index("regime")
    clean, noisy = summary.loc["clean", "mean_drop"], summary.loc["noisy", "mean_drop"]
    good = noisy <= clean + TOLERANCE
    verdict = "smaller or similar, as it should be" if good else "LARGER than it should be"
    say(f"\nsanity: drop at 0.1 is {clean:.4f} clean, {noisy:.4f} noisy: {verdict} (tolerance {TOLERANCE})")
    say("nothing of this was kept")
    return 0 if good else 1


def small_runs(configs: Sequence[TrainConfig]) -> list[TrainConfig]:
    """Clean and noisy runs of mlp_small, for sequences of the study's first network, for one epoch, on its data."""
    kept = {name: getattr(configs[0], name) for name in KEPT}
    arch = "mlp_small" if input_of(configs[0].dataset) == "images" else configs[0].arch
    return lists.product(
        TrainConfig(**kept, arch=arch),
        regime=["clean", "noisy"],
        alpha_train=next((config.alpha_train for config in configs if config.alpha_train > 0), ALPHA),
        seed=list(dict.fromkeys(config.seed for config in configs))[:MOST_SEEDS],
        epochs=1,
        alpha_tests=(0, 0.1),
    )
