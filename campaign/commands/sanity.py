"""A quick check of the whole machinery: does training with noise make a network no less robust?"""

import dataclasses
import tempfile

from campaign.analysis import tables
from campaign.commands.command_line import Settings
from campaign.grid import lists
from campaign.planning.survey import prepare
from campaign.running import runner

TOLERANCE = 0.02


def sanity(settings: Settings) -> int:
    """Train mlp_small for one epoch in both regimes and compare their drops at α_test = 0.1; nothing is kept.

    Returns 0 if the drop after training with noise is smaller or similar (tolerance 0.02), else 1.
    """
    if not settings.alpha_train[0] > 0:
        raise ValueError(f"--sanity compares clean with noisy training; alpha_train is {settings.alpha_train[0]:g}")
    with tempfile.TemporaryDirectory() as folder:
        small = dataclasses.replace(
            settings,
            architectures=["mlp_small"],
            regimes=["clean", "noisy"],
            alpha_train=settings.alpha_train[:1],
            activations=["relu"],
            ps=[0.0],
            evaluations=[],
            options={},
            epochs=1,
            lr_schedule="constant",
            lr_restart_epochs=None,
            alpha_tests=[0, 0.1],
            output_dir=folder,
            checkpoint_dir=None,
        )
        campaign = prepare(lists.configurations(small), small.campaign())
        code = runner.run(campaign)
        if code != 0:
            return code
        (store,) = campaign.stores.values()
        summary = tables.read(store.folder)["results_summary"].query("alpha_test == 0.1").set_index("regime")
    clean, noisy = summary.loc["clean", "mean_drop"], summary.loc["noisy", "mean_drop"]
    good = noisy <= clean + TOLERANCE
    verdict = "smaller or similar, as it should be" if good else "LARGER than it should be"
    print(f"\nsanity: drop at 0.1 is {clean:.4f} clean, {noisy:.4f} noisy: {verdict} (tolerance {TOLERANCE})")
    print("nothing of this was kept")
    return 0 if good else 1
