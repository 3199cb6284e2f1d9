"""Trained weights on disk: how much those of a campaign take, and which are gone and have to be trained again."""

import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.planning import work
from nnet.config import TrainConfig
from nnet.record.provenance import SAME_BITS, other_bits

if TYPE_CHECKING:
    from campaign.planning.campaign import Campaign


def kept(campaign: "Campaign") -> list[dict]:
    """For each folder of trained weights: `folder`, `mb` that this campaign will add, `free_mb` of its disk, `fits`."""
    sizes: dict[str, float] = defaultdict(float)
    for config in campaign.pending:
        if config.checkpoint_dir is not None and not work.has_weights(config):
            sizes[config.checkpoint_dir] += campaign.costs.weights_mb(config)
    return [
        {"folder": folder, "mb": size, "free_mb": (free := _free_mb(folder)), "fits": size <= free}
        for folder, size in sorted(sizes.items())
    ]


def gone(campaign: "Campaign") -> list[TrainConfig]:
    """The runs to be measured whose weights are not kept: they are trained again."""
    return [config for config in campaign.pending if campaign.known(config) and not campaign.is_trained(config)]


def refused(campaign: "Campaign") -> dict[TrainConfig, list[str]]:
    """Those of them that would not have the same weights here, with the differences from where they were trained."""
    machine, found = campaign.costs.machine, {}
    for config in gone(campaign) if machine.keys() >= {*SAME_BITS} else []:
        run = campaign.known(config)
        here = machine | {"threads": config.threads}
        if run is not None and (differences := other_bits(run["provenance"], here)):
            found[config] = differences
    return found


def notes(campaign: "Campaign") -> list[str]:
    """Sentences on weights that do not fit on the disk, and on weights that are gone."""
    found = [
        f"the trained weights take {folder['mb']:.0f} MB, and {folder['free_mb']:.0f} MB are free on the disk of "
        f"{folder['folder']}: free some, or keep none with --checkpoint-dir none"
        for folder in kept(campaign)
        if not folder["fits"]
    ]
    again, elsewhere = gone(campaign), refused(campaign)
    if len(again) > len(elsewhere):
        found.append(
            f"{len(again) - len(elsewhere)} run(s) are trained again before they are measured, because their weights "
            "are not kept; they must get the recorded weights"
        )
    for difference, count in Counter(why for reasons in elsewhere.values() for why in reasons).items():
        found.append(
            f"{count} run(s) will be refused: their weights are gone, and trained again here they would be others "
            f"({difference}); measure where they were trained, or copy their weights here"
        )
    return found


def _free_mb(folder: str) -> float:
    place = Path(folder).absolute()
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    return shutil.disk_usage(existing).free / 2**20
